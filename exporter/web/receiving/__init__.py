"""The endpoint for pushed logs: what a request asks for, who is let in, and what is answered."""
