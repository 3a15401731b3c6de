"""Why a search misses, and what would find it; audits of catalogues; differences of models."""

from whyalike.data.queries import LabelledQuery as LabelledQuery
from whyalike.data.queries import read_queries as read_queries
from whyalike.data.trec import read_qrels as read_qrels
from whyalike.data.trec import read_run as read_run
from whyalike.diagnosing.auditing import audit as audit
from whyalike.diagnosing.diagnosis import diagnose as diagnose
from whyalike.diagnosing.difference import diff_models as diff_models
from whyalike.reports.audit import Audit as Audit
from whyalike.reports.diagnosis import CauseTest as CauseTest
from whyalike.reports.diagnosis import Diagnosis as Diagnosis
from whyalike.reports.diagnosis import Miss as Miss
from whyalike.reports.diagnosis import Remedy as Remedy
from whyalike.reports.difference import Difference as Difference
