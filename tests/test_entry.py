from flywheel.core.entry import Action, Claim, Draft, Entry, entry_key

DRAFT = Draft(
    action=Action.POLICY_PROMOTED,
    subject="policies/policy-0003",
    by="gate",
    reason="better",
    before="policy-0002",
    after="policy-0003",
    details={"iteration": 3},
    claim=Claim(key="k", body="b"),
)


def test_an_entry_is_its_draft_in_a_place():
    entry = Entry.at_place(DRAFT, number=7, at="2026-01-05T09:30:00.000Z")
    assert (entry.number, entry.at, entry.action, entry.details) == (
        7,
        "2026-01-05T09:30:00.000Z",
        Action.POLICY_PROMOTED,
        {"iteration": 3},
    )
    assert entry.subject_name == "policy-0003"


def test_an_entry_is_read_as_it_was_written():
    for draft in (DRAFT, Draft(action=Action.CANCEL_REQUESTED, subject="iterations/12", by="token:a")):
        entry = Entry.at_place(draft, number=0, at="2026-01-05T09:30:00.000Z")
        assert Entry.of(entry.plain) == entry
    assert entry.subject_number == 12


def test_keys_sort_like_numbers():
    assert sorted(map(entry_key, (10, 9, 100))) == [entry_key(9), entry_key(10), entry_key(100)]
