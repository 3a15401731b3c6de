"""whyalike: why does this model think these two texts are alike?"""

from whyalike.batch.run import explain_file as explain_file
from whyalike.catalogue.catalogue import Catalogue as Catalogue
from whyalike.catalogue.index import CatalogueIndex as CatalogueIndex
from whyalike.catalogue.search import Hit as Hit
from whyalike.chain import Stage as Stage
from whyalike.comparison import Comparison as Comparison
from whyalike.data.items import Item as Item
from whyalike.differences import Differences as Differences
from whyalike.errors import WhyalikeError as WhyalikeError
from whyalike.explainer import Explainer as Explainer
from whyalike.explanation import ExplainedText as ExplainedText
from whyalike.explanation import Explanation as Explanation
from whyalike.explanation import ScorePart as ScorePart
from whyalike.explanation import Word as Word
from whyalike.explanation import WordPair as WordPair
from whyalike.highlights import Highlights as Highlights
from whyalike.models.black_box import BlackBox as BlackBox
from whyalike.models.bm25 import BM25 as BM25
from whyalike.models.fusion import Fusion as Fusion
from whyalike.models.pair_function import PairScorer as PairScorer
from whyalike.models.retry import Retry as Retry
from whyalike.options import BTIOptions as BTIOptions
from whyalike.ranking import Ranking as Ranking
from whyalike.trace import Trace as Trace
from whyalike.words import Lexicon as Lexicon
from whyalike.words import Thesaurus as Thesaurus
from whyalike.words import WordVectors as WordVectors

__version__: str
