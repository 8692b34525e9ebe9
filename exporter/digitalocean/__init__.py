"""The platform, as its public API shows it: requests out, model values in.

The only package that talks to DigitalOcean, and the only one that translates foreign exceptions.
"""
