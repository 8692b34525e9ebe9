"""What holds for every test: none fails because the machine is slow on a day."""

from hypothesis import settings

settings.register_profile("project", deadline=None)
settings.load_profile("project")
