"""Who stays and who goes where there is no room."""

from __future__ import annotations

import pytest

from scoring.addresses import household
from scoring.crowd import Crowd


class Guest:
    def __init__(self, crowd: Crowd, address: str, silence) -> None:
        self.told, self.sent_away, self.address, self.crowd = silence, False, address, crowd

    def silence(self):
        return self.told

    def send_away(self) -> None:
        self.sent_away = True
        self.crowd.leave(self, self.address)

    def comes(self, **more) -> bool:
        return self.crowd.enter(self, self.address, **more)


def test_an_address_that_has_too_many_makes_room_itself():
    crowd = Crowd(100, 3)
    others = [Guest(crowd, "a", (False, 0.0)) for _ in range(3)]
    mine = [Guest(crowd, "b", (False, at)) for at in (3.0, 1.0, 2.0)]
    assert all(guest.comes() for guest in others + mine)
    assert Guest(crowd, "b", (False, 9.0)).comes()
    assert [guest.sent_away for guest in mine] == [False, True, False]
    assert not any(guest.sent_away for guest in others)


def test_of_all_the_address_that_has_most_makes_room():
    crowd = Crowd(5, 100)
    few = [Guest(crowd, "few", (False, 0.0)), Guest(crowd, "few", (False, 0.0))]
    many = [Guest(crowd, "many", (False, at)) for at in (7.0, 6.0, 8.0)]
    assert all(guest.comes() for guest in few + many)
    assert Guest(crowd, "new", (False, 9.0)).comes()
    assert [guest.sent_away for guest in many] == [False, True, False]
    assert len(crowd) == 5


def test_who_has_been_answered_goes_after_all_who_never_asked():
    crowd = Crowd(2, 100)
    old, young = Guest(crowd, "a", (True, 1.0)), Guest(crowd, "a", (False, 5.0))
    assert old.comes()
    assert young.comes()
    assert Guest(crowd, "a", (False, 9.0)).comes()
    assert young.sent_away
    assert not old.sent_away


def test_who_is_busy_stays_and_the_newcomer_hears_it():
    crowd = Crowd(2, 100)
    busy = [Guest(crowd, "a", None), Guest(crowd, "b", None)]
    assert all(guest.comes() for guest in busy)
    assert not Guest(crowd, "c", (False, 0.0)).comes()
    assert not any(guest.sent_away for guest in busy)


def test_a_proxy_may_have_more_than_one_address_may():
    crowd = Crowd(10, 2)
    proxied = [Guest(crowd, "p", None) for _ in range(5)]
    assert all(guest.comes(proxy=True) for guest in proxied)
    assert len(list(crowd)) == len(crowd) == 5


def test_many_go_at_once_where_there_are_many():
    crowd = Crowd(640, 1000)
    here = [Guest(crowd, "a", (False, float(at))) for at in range(640)]
    assert all(guest.comes() for guest in here)
    assert Guest(crowd, "a", (False, 999.0)).comes()
    assert [guest.sent_away for guest in here] == [True] * 11 + [False] * 629


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", ""),
        ("no:address", "no:address"),
    ],
)
def test_an_ipv6_network_counts_as_one_address(address, expected):
    assert household(address) == expected
