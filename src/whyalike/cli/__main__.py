"""``python -m whyalike.cli``: the command line."""

from whyalike.cli import main

if __name__ == "__main__":
    main()
