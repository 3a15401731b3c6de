"""An explanation made visible: terminal, HTML, figures. Imports a renderer on first use."""

from whyalike.lazy import names_of_stub

__getattr__, __dir__ = names_of_stub(__name__)
