"""What is thrown where nothing can be read."""


class Error(Exception):
    """Says what is wrong and what to do. `code` is for programs: "io", "not_an_image", "unreadable", "too_large", "unsupported", "model",
    "argument", "validate" and the others of the library."""

    code: str

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
