"""`python -m tokenlane_cli`."""

from tokenlane_cli.app import main

if __name__ == "__main__":
    main()
