"""The command as a module: `python -m funnel`, if the folder of scripts is not on the path."""

from funnel.cli.main import main

if __name__ == "__main__":
    main()
