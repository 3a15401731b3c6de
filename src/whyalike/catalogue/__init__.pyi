"""Catalogues: items with titles and descriptions, read, indexed and searched with reasons."""

from whyalike.catalogue.attached import AttachedCatalogue as AttachedCatalogue
from whyalike.catalogue.catalogue import Catalogue as Catalogue
from whyalike.catalogue.chunked_items import chunk_items as chunk_items
from whyalike.catalogue.index import CatalogueIndex as CatalogueIndex
from whyalike.catalogue.rerank import Reranked as Reranked
from whyalike.catalogue.rerank import explain_reranked as explain_reranked
from whyalike.catalogue.search import Hit as Hit
from whyalike.catalogue.search import Hits as Hits
from whyalike.catalogue.search import ItemRank as ItemRank
from whyalike.catalogue.search import Standing as Standing
from whyalike.catalogue.search import explain_hit_parts as explain_hit_parts
from whyalike.catalogue.search import explain_hits as explain_hits
from whyalike.data.columns import ColumnChoice as ColumnChoice
from whyalike.data.encodings import reading_in as reading_in
from whyalike.data.items import Item as Item
from whyalike.data.stream import BadRow as BadRow
from whyalike.data.stream import ReadReport as ReadReport
from whyalike.data.stream import stream_items as stream_items
