//! Where conditions hold, as sets: so that two directories can be compared by what they allow.
//!
//! A region is all combinations of a provider, a moment, an address, the age of a sign-in and its class out of one
//! set of each. What conditions allow is such a region, and what is left of one region without another is a few.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use crate::model::AcrValue;
use crate::model::Conditions;
use crate::model::Network;
use crate::model::ProviderId;

/// All requests with one of each.
#[derive(Clone, Debug)]
pub(super) struct Region<'d> {
    providers: Names<'d>,
    moments: Spans<u64>,
    addresses: Spans<IpAddr>,
    /// In milliseconds; the greatest stands for an age that nobody knows.
    ages: Spans<u64>,
    classes: Names<'d>,
}

/// A set of names out of endlessly many.
#[derive(Clone, Debug)]
enum Names<'d> {
    Only(BTreeSet<&'d str>),
    AllBut(BTreeSet<&'d str>),
}

/// A set of points: its parts in order, each with its first and last point, none touching the next.
#[derive(Clone, Debug)]
struct Spans<P>(Vec<(P, P)>);

/// Points in a row.
trait Point: Copy + Ord {
    const FIRST: Self;
    const LAST: Self;

    fn before(self) -> Option<Self>;
    fn after(self) -> Option<Self>;
}

impl<'d> Region<'d> {
    /// Where groups of a provider, or of any, have what these conditions allow.
    pub(super) fn new(provider: Option<&'d ProviderId>, conditions: &'d Conditions) -> Self {
        let Conditions { networks, not_before, expires, require } = conditions;
        let first = not_before.map_or(0, |moment| moment.0);
        let moments = match expires {
            None => Spans(vec![(first, u64::MAX)]),
            Some(end) => end.0.checked_sub(1).filter(|last| first <= *last).map(|last| (first, last)).into(),
        };
        let addresses = match networks.as_slice() {
            [] => Spans::all(),
            networks => Spans::of(networks.iter().map(Network::bounds).collect()),
        };
        let ages = match require.max_age {
            None => Spans::all(),
            Some(most) => Spans(vec![(0, u64::try_from(most.as_millis()).unwrap_or(u64::MAX).min(u64::MAX - 1))]),
        };
        let providers = Names::of(provider.map(ProviderId::as_str).into_iter());
        Self { providers, moments, addresses, ages, classes: Names::of(require.acr.iter().map(AcrValue::as_str)) }
    }

    /// Whether every request of this region is in one of the others.
    pub(super) fn is_within<'o>(&self, others: impl IntoIterator<Item = &'o Region<'o>>) -> bool
    where
        'd: 'o,
    {
        let mut rest: Vec<Region<'o>> = vec![self.clone()];
        rest.retain(|region| !region.is_empty());
        for other in others {
            rest = rest.iter().flat_map(|region| region.without(other)).collect();
        }
        rest.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.providers.is_empty()
            || self.moments.is_empty()
            || self.addresses.is_empty()
            || self.ages.is_empty()
            || self.classes.is_empty()
    }

    /// What is left without another region: by each set in turn, what is outside of it while the sets before are
    /// inside.
    fn without(&self, other: &Region<'d>) -> Vec<Region<'d>> {
        let mut inside = self.clone();
        let mut left = Vec::new();
        left.push(Region { providers: inside.providers.without(&other.providers), ..inside.clone() });
        inside.providers = inside.providers.and(&other.providers);
        left.push(Region { moments: inside.moments.without(&other.moments), ..inside.clone() });
        inside.moments = inside.moments.and(&other.moments);
        left.push(Region { addresses: inside.addresses.without(&other.addresses), ..inside.clone() });
        inside.addresses = inside.addresses.and(&other.addresses);
        left.push(Region { ages: inside.ages.without(&other.ages), ..inside.clone() });
        inside.ages = inside.ages.and(&other.ages);
        left.push(Region { classes: inside.classes.without(&other.classes), ..inside });
        left.retain(|region| !region.is_empty());
        left
    }
}

impl<'d> Names<'d> {
    /// These names, or all where there are none.
    fn of(names: impl Iterator<Item = &'d str>) -> Self {
        let names: BTreeSet<&str> = names.collect();
        if names.is_empty() { Self::AllBut(names) } else { Self::Only(names) }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Only(names) if names.is_empty())
    }

    fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Only(one), Self::Only(two)) => Self::Only(one & two),
            (Self::Only(only), Self::AllBut(not)) | (Self::AllBut(not), Self::Only(only)) => Self::Only(only - not),
            (Self::AllBut(one), Self::AllBut(two)) => Self::AllBut(one | two),
        }
    }

    fn without(&self, other: &Self) -> Self {
        let outside = match other {
            Self::Only(names) => Self::AllBut(names.clone()),
            Self::AllBut(names) => Self::Only(names.clone()),
        };
        self.and(&outside)
    }
}

impl<P: Point> Spans<P> {
    fn all() -> Self {
        Self(vec![(P::FIRST, P::LAST)])
    }

    /// Out of parts in any order, which may meet.
    fn of(mut parts: Vec<(P, P)>) -> Self {
        parts.sort_unstable();
        let mut spans: Vec<(P, P)> = Vec::new();
        for (first, last) in parts {
            match spans.last_mut() {
                Some((_, end)) if end.after().is_none_or(|next| first <= next) => *end = last.max(*end),
                _ => spans.push((first, last)),
            }
        }
        Self(spans)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn and(&self, other: &Self) -> Self {
        let mut both = Vec::new();
        for (first, last) in &self.0 {
            for (from, to) in &other.0 {
                let part = (*first.max(from), *last.min(to));
                if part.0 <= part.1 {
                    both.push(part);
                }
            }
        }
        Self(both)
    }

    fn without(&self, other: &Self) -> Self {
        let mut outside = Vec::new();
        let mut from = Some(P::FIRST);
        for (first, last) in &other.0 {
            if let (Some(from), Some(before)) = (from, first.before())
                && from <= before
            {
                outside.push((from, before));
            }
            from = last.after();
        }
        outside.extend(from.map(|from| (from, P::LAST)));
        self.and(&Self(outside))
    }
}

impl<P> From<Option<(P, P)>> for Spans<P> {
    fn from(part: Option<(P, P)>) -> Self {
        Self(part.into_iter().collect())
    }
}

impl Point for u64 {
    const FIRST: Self = Self::MIN;
    const LAST: Self = Self::MAX;

    fn before(self) -> Option<Self> {
        self.checked_sub(1)
    }

    fn after(self) -> Option<Self> {
        self.checked_add(1)
    }
}

/// First the addresses of IPv4, then those of IPv6, as their order is.
impl Point for IpAddr {
    const FIRST: Self = Self::V4(Ipv4Addr::UNSPECIFIED);
    const LAST: Self = Self::V6(Ipv6Addr::from_bits(u128::MAX));

    fn before(self) -> Option<Self> {
        match self {
            Self::V4(address) => address.to_bits().checked_sub(1).map(|bits| Self::V4(Ipv4Addr::from_bits(bits))),
            Self::V6(address) => match address.to_bits().checked_sub(1) {
                Some(bits) => Some(Self::V6(Ipv6Addr::from_bits(bits))),
                None => Some(Self::V4(Ipv4Addr::BROADCAST)),
            },
        }
    }

    fn after(self) -> Option<Self> {
        match self {
            Self::V4(address) => match address.to_bits().checked_add(1) {
                Some(bits) => Some(Self::V4(Ipv4Addr::from_bits(bits))),
                None => Some(Self::V6(Ipv6Addr::UNSPECIFIED)),
            },
            Self::V6(address) => address.to_bits().checked_add(1).map(|bits| Self::V6(Ipv6Addr::from_bits(bits))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::Strength;
    use crate::model::Timestamp;

    fn networks(of: &[&str]) -> Conditions {
        Conditions { networks: of.iter().map(|one| one.parse().unwrap()).collect(), ..Conditions::default() }
    }

    fn window(from: Option<u64>, to: Option<u64>) -> Conditions {
        Conditions { not_before: from.map(Timestamp), expires: to.map(Timestamp), ..Conditions::default() }
    }

    #[track_caller]
    fn within(one: &Conditions, others: &[Conditions], expected: bool) {
        let others: Vec<Region<'_>> = others.iter().map(|other| Region::new(None, other)).collect();
        assert_eq!(Region::new(None, one).is_within(&others), expected);
    }

    #[test]
    fn networks_add_up() {
        within(&networks(&["10.0.0.0/8"]), &[networks(&["10.0.0.0/9"]), networks(&["10.128.0.0/9"])], true);
        within(&networks(&["10.0.0.0/8"]), &[networks(&["10.0.0.0/9", "10.128.0.0/10"])], false);
        within(&Conditions::default(), &[networks(&["0.0.0.0/0", "::/0"])], true);
        within(&Conditions::default(), &[networks(&["0.0.0.0/0"])], false);
        within(&networks(&["::1"]), &[networks(&["0.0.0.0/0"])], false);
    }

    #[test]
    fn windows_add_up_to_the_millisecond() {
        within(&window(Some(10), Some(20)), &[window(Some(5), Some(15)), window(Some(15), None)], true);
        within(&window(Some(10), Some(20)), &[window(Some(5), Some(15)), window(Some(16), None)], false);
        within(&Conditions::default(), &[window(None, Some(15)), window(Some(15), None)], true);
        within(&window(Some(10), Some(10)), &[], true);
    }

    #[test]
    fn strength_is_compared_by_age_and_class() {
        let require = |minutes: Option<u64>, acr: &[&str]| Conditions {
            require: Strength {
                max_age: minutes.map(Duration::from_mins),
                acr: acr.iter().map(|one| one.parse().unwrap()).collect(),
            },
            ..Conditions::default()
        };
        within(&require(Some(5), &[]), &[require(Some(15), &[])], true);
        within(&require(Some(15), &[]), &[require(Some(5), &[])], false);
        within(&require(None, &["a"]), &[require(None, &["a", "b"])], true);
        within(&require(None, &["a", "b"]), &[require(None, &["a"]), require(None, &["b"])], true);
        within(&Conditions::default(), &[require(None, &["a"])], false);
        // Neither alone nor together do they allow an old sign-in of another class.
        within(&Conditions::default(), &[require(Some(5), &[]), require(None, &["a"])], false);
        within(&require(Some(5), &["a"]), &[require(Some(5), &[])], true);
    }

    #[test]
    fn a_provider_is_less_than_any() {
        let (staff, always) = ("staff".parse().unwrap(), Conditions::default());
        let (one, any) = (Region::new(Some(&staff), &always), Region::new(None, &always));
        assert!(one.is_within([&any]));
        assert!(!any.is_within([&one]));
    }
}
