"""What is released, tried as its users get it: not part of `make test`, see the Makefile."""
