"""One file per platform, named after it; `base` says what each of them offers."""
