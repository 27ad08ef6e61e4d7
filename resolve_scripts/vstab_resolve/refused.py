"""The errors that users read."""


class Refused(Exception):
    """The action cannot go on; the message says what is wrong and what to do. The timeline is as it was.

    Attributes:
        code: the protocol's word for what vstab reported ("input", "output", "sidecar", ...; docs/hosts.md), "missing",
            "killed" (it ended without a word) or "resolve".
    """

    def __init__(self, message, code="resolve"):
        super().__init__(message)
        self.code = code
