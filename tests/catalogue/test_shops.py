"""Exports of shops are read as they are: every row is an item, part of one, or reported."""

import csv
import io
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raising import raises
from whyalike.catalogue import Catalogue
from whyalike.data.attributes import read_attributes
from whyalike.errors import FormatError, OptionError

SHOPIFY = """\
Handle,Title,Body (HTML),Vendor,Tags,Published,Option1 Name,Option1 Value,Variant SKU,Variant Price,Image Src
fern-tee,Fern Tee,"<p>Soft <b>cotton</b> &amp; linen.</p><ul><li>Crew neck</li></ul>",Ours,"cotton, summer",true,Colour,Red,FT-R,19.00,one.jpg
fern-tee,,,,,,,Blue,FT-B,19.00,two.jpg
fern-tee,,,,,,,Green,FT-G,21.50,
fern-tee,,,,,,,,,,three.jpg
moss-cap,Moss Cap,&lt;p&gt;Felt cap&lt;/p&gt;,Ours,winter,false,Title,Default Title,MC,12.00,cap.jpg
,,,,,,,Grey,XX,1.00,
"""

WOO = """\
ID,Type,SKU,Name,Published,"Short description",Description,"Regular price",Categories,Parent,"Attribute 1 name","Attribute 1 value(s)"
44,variable,MUG,Stone Mug,1,Holds tea.,,,"Kitchen, Kitchen > Mugs",,Colour,"Grey, Sand"
45,variation,MUG-G,Stone Mug - Grey,1,,,9.5,,MUG,Colour,Grey
46,variation,MUG-S,Stone Mug - Sand,1,,,10.5,,id:44,Colour,Sand
47,simple,JUG,Stone Jug,1,Short.,Holds a litre.,20,Kitchen,,,
48,variation,LOST,Lost - Blue,1,,,5,,id:99,Colour,Blue
"""

MAGENTO = """\
sku,store_view_code,attribute_set_code,product_type,categories,name,description,short_description,price,visibility,configurable_variations
WH-S,,Top,simple,Default/Women,Vale Hoodie-S,,,30.00,Not Visible Individually,
WH-M,,Top,simple,Default/Women,Vale Hoodie-M,,,32.00,Not Visible Individually,
WH,,Top,configurable,Default/Women,Vale Hoodie,"<p>Warm fleece.</p>",,,"Catalog, Search","sku=WH-S,size=S|sku=WH-M,size=M"
WH,german,,,,Vale Kapuzenpulli,,,,,
BAG,,Bag,simple,Default/Gear,Vale Bag,,Carries it all.,45.00,"Catalog, Search",
"""

ETSY = """\
TITLE,DESCRIPTION,PRICE,CURRENCY_CODE,QUANTITY,TAGS,MATERIALS,IMAGE1,VARIATION 1 TYPE,VARIATION 1 NAME,VARIATION 1 VALUES,SKU
Oak spoon,Carved by hand.,18.00,EUR,3,"spoon,oak_wood",oak,a.jpg,,,,S1
Oak bowl,Turned from one piece.,40.00,EUR,1,"bowl,oak_wood","oak,oil",b.jpg,Custom,Size,"Small,Large",
Oak plate,Flat.,30.00,EUR,1,plate,oak,c.jpg,,,,S1
"""

AMAZON = (
    "TemplateType=fptcustom\tVersion=2024.1\tTop rows are for Amazon\t\t\t\t\t\t\n"
    "Seller SKU\tProduct Name\tProduct Description\tBullet\tPrice\tParentage\tParent SKU\tColour\n"
    "item_sku\titem_name\tproduct_description\tbullet_point1\tstandard_price\tparent_child\tparent_sku\tcolor_name\n"
    "P1\tHill Sock\tWool socks.\tWarm\t\tParent\t\t\n"
    "P1-R\tHill Sock, red\tWool socks.\tWarm\t7.50\tChild\tP1\tRed\n"
    "P1-B\tHill Sock, blue\tWool socks.\tWarm\t7.50\tChild\tP1\tBlue\n"
    "Q1\tHill Glove\t\tKnitted\t9.00\t\t\tGrey\n"
)

FILES = {
    "shopify": ("a.csv", SHOPIFY),
    "woocommerce": ("a.csv", WOO),
    "magento": ("a.csv", MAGENTO),
    "etsy": ("a.csv", ETSY),
    "amazon": ("a.txt.tsv", AMAZON),
}


@pytest.fixture
def read(tmp_path):
    def read(shop, **options):
        name, content = FILES[shop]
        (tmp_path / name).write_text(content)
        return Catalogue.read(tmp_path / name, **options)

    return read


def said(catalogue):
    return [(item.id, item.title, item.description) for item in catalogue]


def counts(catalogue):
    report = catalogue.report
    assert report.rows == report.kept + report.folded + len(report.bad)
    return report.rows, report.kept, report.folded, len(report.bad)


def test_shopify(read):
    catalogue = read("shopify")
    assert said(catalogue) == [
        ("fern-tee", "Fern Tee", "Soft cotton & linen.\nCrew neck"),
        ("moss-cap", "Moss Cap", "Felt cap"),
    ]
    assert counts(catalogue) == (6, 2, 3, 1)
    tee = catalogue["fern-tee"].metadata
    assert tee["Option1 Value"] == ("Red", "Blue", "Green")
    assert tee["Variant Price"] == (19.0, 21.5)
    assert tee["Image Src"] == ("one.jpg", "two.jpg", "three.jpg")
    assert tee["Tags"] == ("cotton", "summer")
    assert (tee["Vendor"], tee["Published"]) == ("Ours", "true")
    assert [(bad.line, bad.reason) for bad in catalogue.report.bad] == [(7, "no id")]
    report = str(catalogue.report)
    assert "6 rows, 2 kept, 3 part of others, 1 bad" in report
    assert "An export of Shopify" in report
    assert "2 items were written in HTML and read as text" in report


def test_rows_by_themselves_are_one_option_away(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(SHOPIFY)
    catalogue = Catalogue.read(path, shop="none")
    assert counts(catalogue) == (6, 2, 0, 4)
    assert {bad.reason[:7] for bad in catalogue.report.bad} == {"no text", "no id"}
    with pytest.raises(OptionError, match="'shopify'"):
        Catalogue.read(path, shop="ebay")


def test_two_products_of_one_handle_are_no_variants(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Handle,Title,Body (HTML),Variant SKU\na,Hat,Felt,1\na,Scarf,Wool,2\na,,,3\n")
    catalogue = Catalogue.read(path)
    assert said(catalogue) == [("a", "Hat", "Felt")]
    assert counts(catalogue) == (3, 1, 1, 1)
    assert catalogue.report.bad[0].reason == "duplicate id 'a', first in line 2"
    assert catalogue["a"].metadata["Variant SKU"] == (1, 3)


def test_woocommerce(read):
    catalogue = read("woocommerce")
    assert said(catalogue) == [
        ("44", "Stone Mug", "Holds tea."),
        ("47", "Stone Jug", "Holds a litre."),
        ("48", "Lost - Blue", ""),
    ]
    assert counts(catalogue) == (5, 3, 2, 0)
    mug = catalogue["44"].metadata
    assert mug["Regular price"] == (9.5, 10.5)
    assert mug["Attribute 1 value(s)"] == ("Grey, Sand", "Grey", "Sand")
    assert mug["variants"] == ("45", "46")
    assert mug["Categories"] == ("Kitchen", "Kitchen > Mugs")


def test_magento(read):
    catalogue = read("magento")
    assert said(catalogue) == [
        ("WH", "Vale Hoodie", "Warm fleece."),
        ("BAG", "Vale Bag", "Carries it all."),
    ]
    assert counts(catalogue) == (5, 2, 3, 0)
    assert catalogue["WH"].metadata["price"] == (30.0, 32.0)
    assert catalogue["WH"].metadata["variants"] == ("WH-S", "WH-M")


def test_etsy(read):
    catalogue = read("etsy")
    assert [item.id for item in catalogue] == ["S1", "(row 3)", "S1 (row 4)"]
    assert counts(catalogue) == (3, 3, 0, 0)
    assert catalogue["S1"].metadata["TAGS"] == ("spoon", "oak_wood")
    assert catalogue["(row 3)"].metadata["MATERIALS"] == ("oak", "oil")


def test_amazon(read):
    catalogue = read("amazon")
    assert said(catalogue) == [
        ("P1", "Hill Sock", "Wool socks."),
        ("Q1", "Hill Glove", "Knitted"),
    ]
    assert counts(catalogue) == (4, 2, 2, 0)
    sock = catalogue["P1"].metadata
    assert (sock["color_name"], sock["variants"]) == (("Red", "Blue"), ("P1-R", "P1-B"))
    assert "named in line 3; what stands before is left out: 'TemplateType" in str(catalogue.report)


def test_a_product_that_is_bad_takes_its_variants_with_it(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Handle,Title,Variant SKU\na,,1\na,,2\nb,Hat,3\n")
    catalogue = Catalogue.read(path)
    assert counts(catalogue) == (3, 1, 0, 2)
    assert [(bad.line, bad.reason[:14]) for bad in catalogue.report.bad] == [
        (2, "no text: neith"),
        (3, "part of line 2"),
    ]
    with raises(FormatError, "strict", "line 2"):
        Catalogue.read(path, strict=True)


CELLS = st.sampled_from(["", "", "a", "b", "red", 'x, "y"', "1"])


@settings(max_examples=80, deadline=None)
@given(
    header=st.sampled_from([content.partition("\n")[0] for _, content in FILES.values()][:4]),
    rows=st.lists(st.lists(CELLS, min_size=12, max_size=13), min_size=1, max_size=12),
)
def test_every_row_is_kept_folded_or_reported(header, rows):
    columns = next(csv.reader([header]))
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows(
        [columns, *([*row, *[""] * len(columns)][: len(columns)] for row in rows)]
    )
    written = sum(1 for row in csv.reader(io.StringIO(stream.getvalue())) if row) - 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_text(stream.getvalue(), newline="")
        try:
            catalogue = Catalogue.read(path)
        except FormatError:
            return
    assert counts(catalogue)[0] == written
    lines = [bad.line for bad in catalogue.report.bad]
    assert len(set(lines)) == len(lines)
    assert len({item.id for item in catalogue}) == len(catalogue)


def test_nested_names_and_lists(tmp_path):
    path = tmp_path / "a.jsonl"
    row = {
        "productCode": "P1",
        "content": {"productName": "Lamp", "productFullDescription": "Bright", "size": {"cm": 4}},
        "colours": ["red", "blue"],
        "vector": [0.5] * 17,
        "parts": [{"name": "foot"}],
        "none": [],
    }
    path.write_text(json.dumps(row) + "\n")
    catalogue = Catalogue.read(path)
    assert said(catalogue) == [("P1", "Lamp", "Bright")]
    assert catalogue["P1"].metadata == {
        "content.size.cm": 4,
        "colours": ("red", "blue"),
        "vector": json.dumps([0.5] * 17),
        "parts": '[{"name": "foot"}]',
        "none": (),
    }


def test_structs_of_parquet_are_laid_out(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = [{"id": 1, "info": {"title": "Lamp", "price": {"eur": 2.5}}}, {"id": 2, "info": None}]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    catalogue = Catalogue.read(tmp_path / "a.parquet")
    assert said(catalogue) == [("1", "Lamp", "")]
    assert catalogue["1"].metadata == {"info.price.eur": 2.5}
    assert counts(catalogue) == (2, 1, 0, 1)


@pytest.mark.parametrize(
    ("columns", "title", "description"),
    [
        ("id,question,answer", "question", "answer"),
        ("id,job_title,overview", "job_title", "overview"),
        ("id,headline,abstract", "headline", "abstract"),
        ("id,name,short_description", "name", "short_description"),
        ("id,Title,Body (HTML)", "Title", "Body (HTML)"),
        ("id,productName,longDescription", "productName", "longDescription"),
    ],
)
def test_names_that_are_guessed(tmp_path, columns, title, description):
    path = tmp_path / "a.csv"
    path.write_text(f"{columns}\n1,Some,Thing\n")
    found = Catalogue.read(path).report.columns
    assert (found.title, found.description) == (title, description)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<p>Soft</p><p>wool</p>", "Soft\nwool"),
        ("&lt;p&gt;Soft &amp;amp; warm&lt;/p&gt;", "Soft & warm"),
        ("Genes &lt;i&gt;TP53&lt;/i&gt; mutate", "Genes TP53 mutate"),
        ("Salt &amp; pepper", "Salt & pepper"),
        ("The <i>in vitro</i> rate of H<sub>2</sub>O", None),
        ("at <mml:math><mml:mi>x</mml:mi></mml:math>", None),
        ("P<0.05, a<b and c>d", None),
        ("<p>Write &lt;div&gt; for a block</p>", "Write <div> for a block"),
    ],
)
def test_html_becomes_text_and_papers_stay(tmp_path, text, shown):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"title": "x", "description": text}) + "\n")
    catalogue = Catalogue.read(path)
    assert catalogue.items[0].description == (text if shown is None else shown)
    assert catalogue.report.stripped == (shown is not None)
    assert "HTML" not in str(catalogue.report) or shown is not None
    assert Catalogue.read(path, markup="keep").items[0].description == text


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("", {}),
        ("color=Red", {"color": "Red"}),
        ("color=Red,size=S", {"color": "Red", "size": "S"}),
        ("Color=Red, size=S", {"color": "Red", "size": "S"}),
        ("sport=Yoga|Hiking|Yoga,size=S", {"sport": ("Yoga", "Hiking"), "size": "S"}),
        ("care=wash cold, dry flat,size=S", {"care": "wash cold, dry flat", "size": "S"}),
        ('care="wash cold, size=any",size="S"', {"care": "wash cold, size=any", "size": "S"}),
        ('width="5"" wide, or so",size=S', {"width": '5" wide, or so', "size": "S"}),
        ("formula=a=b,size=", {"formula": "a=b"}),
        ('said=five "good",size=S', {"said": 'five "good"', "size": "S"}),
        ("nothing named, here", {}),
        ("size=S,size=M", {"size": "M"}),
    ],
)
def test_a_cell_of_named_values(cell, expected):
    assert read_attributes(cell) == expected


MAGENTO_MORE = '''\
sku,attribute_set_code,product_type,name,description,price,visibility,configurable_variations,additional_attributes
WH-S,Top,simple,Vale Hoodie-S,,30.00,Not Visible,,"size=S,color=Red,weight=0.5"
WH-M,Top,simple,Vale Hoodie-M,,32.00,Not Visible,,"size=M,color=Red,care=""wash cold, dry flat"""
WH,Top,configurable,Vale Hoodie,Warm fleece.,,Catalog,"sku=WH-S,size=S|sku=WH-M,size=M","material=Fleece|Cotton,color=Red"
BAG,Bag,simple,Vale Bag,Carries it all.,45.00,Catalog,,
'''


def test_magentos_additional_attributes_are_columns(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text(MAGENTO_MORE)
    hoodie, bag = Catalogue.read(path).items
    name = "additional_attributes"
    assert {n: v for n, v in hoodie.metadata.items() if n.startswith(name)} == {
        f"{name}.material": ("Fleece", "Cotton"),
        f"{name}.color": "Red",
        f"{name}.size": ("S", "M"),
        f"{name}.weight": 0.5,
        f"{name}.care": "wash cold, dry flat",
    }
    assert hoodie.metadata["variants"] == ("WH-S", "WH-M")
    assert not [n for n in bag.metadata if n.startswith(name)]
    chosen = Catalogue.read(path, metadata=["price", f"{name}.size"]).items[0].metadata
    assert chosen == {
        "price": (30.0, 32.0),
        f"{name}.size": ("S", "M"),
        "variants": chosen["variants"],
    }
    assert set(Catalogue.read(path, metadata=["price"]).items[0].metadata) == {"price", "variants"}
    assert f"{name}.size" in Catalogue.read(path, metadata=[name]).items[0].metadata
    plain = Catalogue.read(path, shop="none").items[0].metadata
    assert plain[name] == "size=S,color=Red,weight=0.5"
