"""A search in Python and on the command line."""

from typing import TYPE_CHECKING

from whyalike.web.explorer.snippets import in_shell

if TYPE_CHECKING:
    from whyalike.web.api.served import ServedIndex
    from whyalike.web.explorer.questions import SearchQuestion


def search_in_python(served: "ServedIndex", question: "SearchQuestion", where: str | None) -> str:
    """Return a program that searches the same index by its name here."""
    asked = f"id={question.item!r}" if question.item else repr(question.text)
    method = f"method={_method(served, question)!r}"
    more = f", where={where!r}" if where else ""
    return (
        "from whyalike.catalogue import CatalogueIndex\n\n"
        f"index = CatalogueIndex.open({served.name!r})\n"
        f"for hit in index.similar({asked}, k={question.k}{more}):\n"
        "    print(hit.rank, hit.similarity, hit.item.title)\n"
        f"    print(hit.explain({method}))\n"
    )


def search_in_shell(served: "ServedIndex", question: "SearchQuestion", where: str | None) -> str:
    """Return a command that searches the same index by its name here.

    Values stand in one word with their options, so that one may begin with a hyphen.
    """
    method = f"--method={_method(served, question)}"
    asked = f"--id={question.item}" if question.item else f"--text={question.text}"
    condition = [f"--where={where}"] if where else []
    return in_shell("similar", served.name, asked, "-k", str(question.k), *condition, method)


def _method(served: "ServedIndex", question: "SearchQuestion") -> str:
    """Return what explains the results: this server's default need not be the library's."""
    return question.method or served.model.explainer.method.name
