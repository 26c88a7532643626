"""`python -m stability`."""

from stability.cli import main

if __name__ == "__main__":
    main()
