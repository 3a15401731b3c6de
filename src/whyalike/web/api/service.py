"""The models and indexes of a server, and what they can be asked: explain, compare, search.

An app is put together so (see ``whyalike.web.api.api_app``)::

    pages = Pages("whyalike", assets, [my_templates, api.app.TEMPLATES])
    app = create_app(pages=pages, assets=assets, hosts=…, max_bytes=MOST_BODY)
    add_api(app, service, pages, access=Access(token, secure=address.secure))
"""

from whyalike.explanation import Explanation
from whyalike.options import UnitKind
from whyalike.web.api.allowance import Allowance
from whyalike.web.api.answers import Answer
from whyalike.web.api.asking import Options, read_answer
from whyalike.web.api.comparisons import Comparisons
from whyalike.web.api.estimates import Estimate
from whyalike.web.api.rankings import Rankings
from whyalike.web.api.searches import Searches


class Service(Comparisons, Searches, Rankings):
    """Explains, compares, searches and ranks for many at once; one for a server.

    Its parameters are those of ``Asking``.
    """

    async def explain(
        self,
        left: str,
        right: str,
        *,
        model: str | None = None,
        method: str | None = None,
        options: Options | None = None,
        documents: bool = False,
        check: int = 0,
        unit: UnitKind = "word",
    ) -> Explanation:
        """Explain one pair.

        Parameters
        ----------
        left : str
            A text of at most ``limits.text`` characters, and perhaps ``limits.words`` words.
        right : str
            The other one.
        model : str, optional
            A name in ``models``; by default the first.
        method : str, optional
            By default the model's.
        options : Options, optional
            Fields of BTIOptions that differ from the model's; another ``top_k`` asks no model
            again, unless pairs of content are checked.
        documents : bool, default=False
            Whether both texts are documents, so that both get the prompt of one; else the left one
            is a query, where the model tells them apart.
        check : int, default=0
            How many of the selected pairs are checked by deletion; see Explainer.explain.
        unit : {'word', 'phrase', 'sentence'}
            What is measured besides words; see Explainer.explain.

        Raises
        ------
        OptionError, TextError
            What was asked for is not allowed.
        TooCostlyError
            It would take too long.
        BusyError
            Too many wait already.
        ModelError
            NaN.
        """
        found = await self.answer(
            left,
            right,
            model=model,
            method=method,
            options=options,
            documents=documents,
            check=check,
            unit=unit,
        )
        return await read_answer(found)

    async def answer(
        self,
        left: str,
        right: str,
        *,
        model: str | None = None,
        method: str | None = None,
        options: Options | None = None,
        documents: bool = False,
        check: int = 0,
        unit: UnitKind = "word",
    ) -> Answer:
        """Explain one pair, as ``explain`` does, and return its JSON too."""
        async with self.request() as allowance:
            return await self._answer(
                allowance,
                self.model(model),
                (left, right),
                method,
                options,
                documents=documents,
                check=check,
                unit=unit,
            )

    async def estimate(
        self,
        left: str,
        right: str,
        *,
        model: str | None = None,
        method: str | None = None,
        options: Options | None = None,
        documents: bool = False,
        check: int = 0,
        unit: UnitKind = "word",
    ) -> Estimate:
        """Return what explaining one pair costs; nothing where the result was kept.

        Raises
        ------
        OptionError, TextError
            As ``explain``.
        """
        pair = left, right
        kind = self._not_kept(
            pair, model, method, options, documents=documents, check=check, unit=unit
        )
        if kind is None:
            return Estimate()
        return kind.model.estimate(kind, await self._sizes(kind.model, kind, pair))

    async def estimate_pair(
        self,
        allowance: Allowance,
        left: str,
        right: str,
        *,
        model: str | None = None,
        method: str | None = None,
        options: Options | None = None,
        documents: bool = False,
        check: int = 0,
        unit: UnitKind = "word",
    ) -> Estimate:
        """Return what ``estimate`` does, and take it. Raises TooCostlyError, too."""
        pair = left, right
        kind = self._not_kept(
            pair, model, method, options, documents=documents, check=check, unit=unit
        )
        if kind is None:
            return Estimate()
        for side, text in zip(("left", "right"), pair, strict=True):
            await self._check_words(kind.model, kind, side, text)
        return await self._priced(allowance, kind.model, kind, pair)
