"""An explanation made visible: terminal, HTML, figures. Imports a renderer on first use."""

from whyalike.render.audit import render_audit as render_audit
from whyalike.render.audit import render_audit_fragment as render_audit_fragment
from whyalike.render.audit import render_audit_text as render_audit_text
from whyalike.render.audit import terminal_audit_view as terminal_audit_view
from whyalike.render.comparison import render_comparison as render_comparison
from whyalike.render.comparison import render_comparison_fragment as render_comparison_fragment
from whyalike.render.comparison import render_comparison_text as render_comparison_text
from whyalike.render.comparison import terminal_comparison_view as terminal_comparison_view
from whyalike.render.comparison_markdown import (
    render_comparison_markdown as render_comparison_markdown,
)
from whyalike.render.comparison_verdict import say_comparison as say_comparison
from whyalike.render.diagnosis import render_diagnosis as render_diagnosis
from whyalike.render.diagnosis import render_diagnosis_fragment as render_diagnosis_fragment
from whyalike.render.diagnosis import render_diagnosis_markdown as render_diagnosis_markdown
from whyalike.render.diagnosis import render_diagnosis_text as render_diagnosis_text
from whyalike.render.diagnosis import terminal_diagnosis_view as terminal_diagnosis_view
from whyalike.render.difference import render_difference as render_difference
from whyalike.render.difference import render_difference_fragment as render_difference_fragment
from whyalike.render.difference import render_difference_text as render_difference_text
from whyalike.render.difference import terminal_difference_view as terminal_difference_view
from whyalike.render.figure import draw_figure as draw_figure
from whyalike.render.figure_comparison import draw_comparison as draw_comparison
from whyalike.render.highlights import render_highlights as render_highlights
from whyalike.render.highlights import render_highlights_fragment as render_highlights_fragment
from whyalike.render.highlights import render_highlights_text as render_highlights_text
from whyalike.render.highlights import terminal_highlights_view as terminal_highlights_view
from whyalike.render.html import render_fragment as render_fragment
from whyalike.render.html import render_html as render_html
from whyalike.render.leaderboard import render_leaderboard as render_leaderboard
from whyalike.render.leaderboard import render_leaderboard_fragment as render_leaderboard_fragment
from whyalike.render.markdown import render_markdown as render_markdown
from whyalike.render.methods import render_methods as render_methods
from whyalike.render.methods import terminal_methods_view as terminal_methods_view
from whyalike.render.ranking import render_ranking as render_ranking
from whyalike.render.ranking import render_ranking_fragment as render_ranking_fragment
from whyalike.render.ranking import render_ranking_markdown as render_ranking_markdown
from whyalike.render.ranking import render_ranking_text as render_ranking_text
from whyalike.render.ranking import terminal_ranking_view as terminal_ranking_view
from whyalike.render.similar import render_similar as render_similar
from whyalike.render.similar import render_similar_fragment as render_similar_fragment
from whyalike.render.similar import render_similar_text as render_similar_text
from whyalike.render.similar import terminal_similar_view as terminal_similar_view
from whyalike.render.terminal import render_text as render_text
from whyalike.render.terminal import terminal_view as terminal_view
from whyalike.render.trace import render_trace as render_trace
from whyalike.render.trace import render_trace_fragment as render_trace_fragment
from whyalike.render.trace import render_trace_text as render_trace_text
from whyalike.render.trace import terminal_trace_view as terminal_trace_view
from whyalike.render.verdict import say_verdict as say_verdict
from whyalike.render.view_verdicts import say_methods as say_methods
from whyalike.render.view_verdicts import say_similar as say_similar
from whyalike.render.view_verdicts import say_trace as say_trace
