"""Each rule on sentences of ours: what it makes of them, and what it leaves alone."""

import pytest

from whyalike.probing.edits import find_edits, list_rules

ONE_WAY = [
    ("negation_added", "The room is clean.", "The room is not clean."),
    ("negation_added", "There is a pool behind the house.", "There is no pool behind the house."),
    ("negation_added", "You can return it.", "You cannot return it."),
    ("negation_added", "The parcel will arrive soon.", "The parcel will not arrive soon."),
    ("negation_added", "The set includes a lid.", "The set does not include a lid."),
    ("negation_added", "It works well.", "It does not work well."),
    ("negation_added", "A flat with a balcony.", "A flat without a balcony."),
    ("negation_removed", "The room is not clean.", "The room is clean."),
    ("negation_removed", "It doesn't shrink.", "It does shrink."),
    ("negation_removed", "We can’t help you.", "We can help you."),
    ("negation_removed", "Cannot be machine washed.", "Can be machine washed."),
    ("negation_removed", "She has never been there.", "She has been there."),
    ("negation_removed", "Made without sugar.", "Made with sugar."),
    ("swapped_names", "Alice called Tom on Friday.", "Tom called Alice on Friday."),
    ("swapped_names", "A train from Paris to Rome.", "A train from Rome to Paris."),
    ("swapped_roles", "The dog bit the man.", "The man bit the dog."),
    ("swapped_roles", "A cat chased the mouse!", "The mouse chased a cat!"),
    ("antonyms", "A warm and quiet room.", "A warm and noisy room."),
    ("antonyms", "It was an expensive hotel.", "It was a cheap hotel."),
    ("antonyms", "Shut it before lunch.", "Shut it after lunch."),
    ("antonyms", "Best served now.", "Worst served now."),
    ("quantifiers", "Everybody came.", "Nobody came."),
    ("quantifiers", "Bring at least 5 pens.", "Bring at most 5 pens."),
    ("quantifiers", "Many guests left.", "Few guests left."),
    ("quantifiers", "Every room has a view.", "No room has a view."),
    ("quantifiers", "It is suitable for all ages.", "It is suitable for some ages."),
    ("units", "A bag of 5 kg.", "A bag of 5 g."),
    ("units", "A 50ml bottle.", "A 50l bottle."),
    ("units", "It costs thirty dollars.", "It costs thirty euros."),
    ("synonyms", "They bought a couch.", "They bought a sofa."),
    ("synonyms", "The perfect gift.", "The perfect present."),
    ("synonyms", "A huge hall.", "An enormous hall."),
    ("spelling", "The colour is fine.", "The color is fine."),
    ("spelling", "A gray coat.", "A grey coat."),
    ("contractions", "Do not tumble dry.", "Don't tumble dry."),
    ("contractions", "I'm glad about it.", "I am glad about it."),
    ("contractions", "It is late.", "It's late."),
    ("conjuncts", "It is warm and soft.", "It is soft and warm."),
    ("conjuncts", "Notes of cherry and plum, then oak.", "Notes of plum and cherry, then oak."),
    ("final_mark", "We are open.", "We are open"),
    ("final_mark", "We are open", "We are open."),
]

LEFT_ALONE = [
    ("negation_added", "Is the room clean?"),
    ("negation_added", "The room is not clean."),
    ("negation_added", "Nobody is here."),
    ("negation_added", "I like how it is."),
    ("negation_added", "It is also cheap."),
    ("negation_added", "A can of beans."),
    ("negation_added", "The will of the people."),
    ("negation_added", "Filled with a cream."),
    ("negation_added", "A room with a view."),
    ("negation_removed", "We do not have any left."),
    ("negation_removed", "Not only cheap, it is good."),
    ("negation_removed", "It is not cheap but good."),
    ("negation_removed", "Text without taking them off."),
    ("negation_removed", "Why is it not here?"),
    ("negation_removed", "We did not see it at all."),
    ("numbers", "It opens at 10:30 in room 12."),
    ("numbers", "Only 1 left, in 2015, on 12 March."),
    ("numbers", "Use the A4 sheet or the 3D print, 24/7."),
    ("numbers", "Good for 3–5 years and two or three nights."),
    ("numbers", "Three quarters of it."),
    ("dates", "You may march on."),
    ("dates", "May I come in?"),
    ("dates", "It is on sale this Black Friday."),
    ("dates", "It costs $2015."),
    ("antonyms", "Stay out of the cold."),
    ("antonyms", "He is six years old and 2 m high."),
    ("antonyms", "A hot dog at the high school."),
    ("antonyms", "Wipe it to clean it."),
    ("antonyms", "The more expensive one."),
    ("antonyms", "Hot and cold water taps, hot or cold."),
    ("antonyms", "We met at Old Town and read www.good.com."),
    ("swapped_names", "Alice and Tom called."),
    ("swapped_names", "Alice met with Tom and Emma called Tom and Paul."),
    ("swapped_names", "Alice's dog saw Tom's cat."),
    ("swapped_names", "Did Alice call? Passengers told Tom."),
    ("swapped_roles", "The old dog bit the man who fed the cat."),
    ("swapped_roles", "The dog and the man bit the bread."),
    ("quantifiers", "Not all rooms have a view."),
    ("quantifiers", "All day they all sat there, after all."),
    ("quantifiers", "How many guests came? As many guests as last year."),
    ("quantifiers", "Over the next few months, a few guests left."),
    ("quantifiers", "It grows to at least its own height."),
    ("quantifiers", "Some say so, and the most beautiful too."),
    ("units", "The hours are long; 1 kg is enough."),
    ("units", "A 30-day trial."),
    ("synonyms", "A more correct answer."),
    ("contractions", "Is it not late?"),
    ("contractions", "Better than it is."),
    ("contractions", "The influence of that is marked."),
    ("conjuncts", "Notes of lemon zest and white flowers."),
    ("conjuncts", "It is washed and dried."),
    ("conjuncts", "Black and white. It is salt and pepper."),
    ("conjuncts", "It is kind and good at chess."),
    ("conjuncts", "Sing of you and me."),
    ("final_mark", "Are we open?"),
    ("final_mark", ""),
]


def made(rule, text):
    return [edit.edited for edit in find_edits(text, rules=[rule], per_rule=99)]


@pytest.mark.parametrize(("rule", "text", "becomes"), ONE_WAY)
def test_a_rule_makes_this_of_a_sentence(rule, text, becomes):
    assert becomes in made(rule, text)


@pytest.mark.parametrize(("rule", "text"), LEFT_ALONE)
def test_a_rule_would_rather_do_nothing(rule, text):
    assert made(rule, text) == []


def test_every_rule_is_in_both_tables_and_does_what_its_example_says():
    rules = {rule.name: rule for rule in list_rules()}
    assert {rule for rule, _, _ in ONE_WAY} >= set(rules) - {"numbers", "dates"}
    assert {rule for rule, _ in LEFT_ALONE} >= set(rules) - {"spelling"}
    for rule in rules.values():
        before, after = rule.example.split(" → ")
        (found,) = find_edits(before, rules=[rule.name])
        if rule.name in ("numbers", "dates", "quantifiers"):
            assert len(found.edited.split()) == len(after.split())
        else:
            assert found.edited == after


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("It takes 30 minutes.", {f"It takes {n} minutes." for n in (15, 60, 90, 120)}),
        ("Made of 60% wool.", {"Made of 30% wool."}),
        ("It weighs 2.5 kg.", {f"It weighs {n} kg." for n in (5.0, 7.5, 10.0, 1.2)}),
        ("All 1,200 seats.", {f"All {n} seats." for n in ("2,400", "3,600", "4,800", "600")}),
        ("An 8 m rope.", {f"An {n} m rope." for n in (80, 800)}),
        ("A 4 m rope.", {"A 12 m rope.", "A 16 m rope.", "A 2 m rope."}),
    ],
)
def test_a_number_becomes_another_of_its_kind(text, allowed):
    found = {
        edit.edited for seed in range(20) for edit in find_edits(text, rules=["numbers"], seed=seed)
    }
    assert found <= allowed
    assert found or "An 8" in text


def test_a_day_that_a_month_has_not_is_never_made():
    short = {"February", "April", "June", "September", "November"}
    for seed in range(40):
        (edit,) = find_edits("Sent on 31 March.", rules=["dates"], seed=seed)
        assert edit.changes[0].new not in short | {"March"}


def test_the_text_never_says_the_new_word_already():
    for seed in range(20):
        (edit,) = find_edits("Two or more, and ten of them by six.", rules=["numbers"], seed=seed)[
            :1
        ]
        assert edit.changes[0].new.lower() not in {"two", "ten", "six"}


def test_capitals_stay_where_they_were():
    assert made("swapped_roles", "The dog bit a man.") == ["A man bit the dog."]
    assert "Cold soup is served." in made("antonyms", "Hot soup is served.")
    assert made("contractions", "Don't wash it.") == ["Do not wash it."]
