"""The service of the web's tests is asked strange questions here."""

from tests.web.conftest import document, shared_web

__all__ = ["document", "shared_web"]
