"""`python -m app` is the console script `ai-manager`."""

from app.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
