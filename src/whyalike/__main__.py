"""``python -m whyalike``: the command line."""

from whyalike.cli import main

if __name__ == "__main__":
    main()
