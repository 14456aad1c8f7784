# ruff: noqa: A005 - named for what is tested
