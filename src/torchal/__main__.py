"""``python -m torchal`` is ``torchal``, as ``torchrun --module torchal`` needs it."""

from torchal.cli import main

if __name__ == "__main__":
    main()
