"""Texts that the model has no tokens for are said before they are embedded."""

import pytest
from indexed_items import open_tiny

from whyalike import Explainer
from whyalike.catalogue import CatalogueIndex, Item, ReadReport
from whyalike.catalogue.unknown_tokens import say_unknown, share_unknown


def test_the_share_is_that_of_the_tokenizer_s_own_unknown_tokens():
    explainer = open_tiny()
    texts = ["warm wool \u624b\u888b", "\u624b \u888b", "warm glove"]
    tokenizer = explainer.model.tokenizer
    ids = [one for text in texts for one in tokenizer(text, add_special_tokens=False)["input_ids"]]
    expected = ids.count(tokenizer.unk_token_id) / len(ids)
    assert 0.3 < expected < 0.9
    assert share_unknown(explainer, texts) == pytest.approx(expected)
    assert f"{expected:.0%} of the tokens of 3 texts" in say_unknown(explainer, texts)
    assert say_unknown(explainer, ["warm wool"]) is None


def test_a_report_has_it_before_anything_is_embedded(tmp_path):
    items = [Item(str(n), "\u624b\u888b", f"\u6696\u304b\u3044 {n}") for n in range(5)]
    report, before = ReadReport(), []
    CatalogueIndex.build(
        items,
        tmp_path / "idx",
        model=open_tiny(),
        report=report,
        progress=lambda *_: before.append(list(report.notes)),
    )
    assert "multilingual" in before[0][0]
    plain = ReadReport()
    known = [Item("1", "warm", "wool glove")]
    CatalogueIndex.build(known, tmp_path / "known", model=open_tiny(), report=plain)
    assert plain.notes == []


def test_without_a_report_a_warning_says_it(tmp_path):
    items = [Item(str(n), "\u624b\u888b", f"\u6696\u304b\u3044 {n}") for n in range(5)]
    with pytest.warns(UserWarning, match=r"% of the tokens .* multilingual") as caught:
        index = CatalogueIndex.build(items[:3], tmp_path / "idx", model=open_tiny())
    assert [each.filename for each in caught] == [__file__]
    with pytest.warns(UserWarning, match="multilingual") as caught:
        index.add(items[3:])
    assert [each.filename for each in caught] == [__file__]


def test_a_model_without_tokens_says_nothing():
    explainer = Explainer(embed=lambda texts: [[1.0, 2.0]] * len(texts))
    assert share_unknown(explainer, ["\u624b"]) is None
