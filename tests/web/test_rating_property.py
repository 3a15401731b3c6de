"""Whatever a rater's browsers send, in whatever order: what is stored is what the rule allows."""

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'study'")

from fastapi.testclient import TestClient
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from rating_studies import HOME, enter, fields_of, make_study, values

from whyalike.study import open_storage
from whyalike.web import create_rating_app
from whyalike.web.middleware import RateLimiter
from whyalike.web.rating.session import Limits

PRACTICE = 2
CHOICES = st.integers(1, 5)


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """Two small studies of two practice items and some screens more."""
    made = [tmp_path_factory.mktemp(name) for name in ("one", "other")]
    return [make_study(place, methods=("a", "b"), practice=PRACTICE) for place in made]


def unlimited():
    return Limits(*(RateLimiter(rate=1e9, burst=10**9) for _ in range(3)))


def machine(studies, tmp_path):
    """Two browsers of one rater, and one of another rater and another study, send what they like.

    The rule, written once more and slower: an answer is taken where every screen before has one
    and none after it, and, where the screen has one already, where it is no practice.
    """
    counter = iter(range(10**6))

    class Raters(RuleBasedStateMachine):
        @initialize()
        def begin(self):
            self.storages, self.clients, self.raters = [], [], []
            for study in studies:
                place = f"sqlite:///{tmp_path}/{next(counter)}.db"
                self.storages.append(open_storage(study, database=place))
                app = create_rating_app(study, self.storages[-1], limits=unlimited())
                for _ in range(2):
                    self.raters.append(self.storages[-1].add_rater())
                    self.clients.append(TestClient(app, base_url=HOME))
            first = enter(self.clients[0], self.raters[0].token)
            # Every form that was ever shown to anybody: (screen, fields, of the first rater).
            self.forms = [(1, fields_of(first), True)]
            for client, rater in list(zip(self.clients, self.raters, strict=True))[1:]:
                self.forms.append((1, fields_of(enter(client, rater.token)), False))
            self.history, self.sent = [], []
            self.screens = len(self.clients[0].app and self.plan())

        def plan(self):
            from whyalike.study import plan

            return plan(studies[0], self.raters[0].number)

        def held(self):
            return dict(self.history)

        def allowed(self, position):
            held = self.held()
            before = all(one in held for one in range(position))
            after = any(one in held for one in range(position + 1, self.screens))
            return before and not after and (position not in held or position >= PRACTICE)

        def teardown(self):
            for storage in getattr(self, "storages", []):
                storage.close()

        @rule(number=st.integers(0, 20))
        def look(self, number):
            page = self.clients[0].get(f"/rate/{number}")
            assert page.status_code == 200
            if page.url.path == f"/rate/{number}":
                assert self.allowed(number - 1)
                self.forms.append((number, fields_of(page), True))

        @rule()
        def go_on(self):
            page = self.clients[0].get("/rate")
            if "/rate/" in page.url.path:
                self.forms.append((int(page.url.path.split("/")[2]), fields_of(page), True))

        @rule(data=st.data(), value=CHOICES, newest=st.booleans())
        def send(self, data, value, newest):
            forms = [form for form in self.forms if form[2]]
            number, form, _ = forms[-1] if newest else data.draw(st.sampled_from(forms))
            self.post(number, {**form, "value": value})

        @rule(data=st.data())
        def send_again(self, data):
            if self.sent:
                self.post(*data.draw(st.sampled_from(self.sent)))

        @rule(data=st.data(), value=CHOICES, shift=st.integers(-2, 3))
        def send_elsewhere(self, data, value, shift):
            number, form, own = data.draw(st.sampled_from(self.forms))
            if own and not shift:
                return
            answer = self.clients[0].post(f"/rate/{number + shift}", data={**form, "value": value})
            assert answer.status_code == 403, "a seal of another screen, rater or study"

        def post(self, number, body):
            position, key = number - 1, (number, body["client_key"], body["value"])
            known = [index for index, (_, _, said) in enumerate(self.log()) if said == key]
            answer = self.clients[0].post(f"/rate/{number}", data=body)
            self.sent.append((number, body))
            if known:
                # Sent again: it counts once, and is confirmed while it holds.
                holds = max(i for i, (at, _, _) in enumerate(self.log()) if at == position)
                assert answer.status_code == (200 if known[0] == holds else 409)
            elif self.allowed(position):
                assert answer.status_code == 200
                self.history.append((position, body["value"]))
                self.keys.append(key)
            else:
                assert answer.status_code == 409

        def log(self):
            self.keys = getattr(self, "keys", [])
            return [(*one, key) for one, key in zip(self.history, self.keys, strict=True)]

        @invariant()
        def what_is_stored_is_what_was_allowed(self):
            if not getattr(self, "storages", None):
                return
            rows = self.storages[0].all_ratings(history=True)
            own = [row for row in rows if row.rater_id == self.raters[0].rater_id]
            by_time = sorted(own, key=lambda row: row.id)
            assert [(row.position, row.value) for row in by_time] == self.history
            assert dict(values(self.storages[0], self.raters[0])) == self.held()
            assert sum(len(storage.all_ratings()) for storage in self.storages) == len(self.held())

    return Raters


def test_no_order_of_requests_changes_what_may_not_be_changed(studies, tmp_path):
    case = machine(studies, tmp_path).TestCase
    case.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
    case("runTest").runTest()
