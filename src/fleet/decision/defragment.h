#pragma once
// Moves of what may move: such that a workload that waits is let in, or that whole devices are free. A move is made
// safe by its order: the new place is made and taken before the old one is given up, and each is legal when it is made.
// So a plan may stop after any of its moves, and what has moved is as well off as before.
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "fleet/decision/decide.h"

namespace tessera::fleet::decision {

/// How one who may move is placed elsewhere: as it will be when its owner asks for it anew.
struct Terms {
  Scope scope{};             ///< where it may go; empty: anywhere
  Policy* policy = nullptr;  ///< null: the plan's
  WorkloadType type = WorkloadType::Inference;
};
/// By the holder's name: "namespace/pod". Empty: the same for all of them.
using TermsOf = std::function<Terms(const std::string& holder)>;

struct Way {
  std::vector<Move> moves;
  Grant grant;  ///< of who waits, once all have moved
  std::string sentence;
};

/// The fewest moves, of these those of the smallest instances, that let `need` in within `scope`; none where
/// `most_moves` do not, or where it needs several devices or a whole one that is not cut. The sixteen nearest places
/// are tried on the stock, which is afterwards what it was.
std::optional<Way> make_way(Stock& stock, const Need& need, Policy& policy, unsigned most_moves,
                            const Scope& scope = {}, const TermsOf& terms_of = {});

/// What a refusal has to say of a way: after what is easier, before what is not.
void add_moves(Refusal& refusal, const Way& way);

struct Consolidation {
  std::vector<Move> moves;
  std::vector<std::size_t> freed;  ///< candidates on which nothing stands any more that somebody has
  std::string sentence;
};

/// Frees whole devices, those first that take the fewest slices to move; none is begun that cannot be freed.
Consolidation free_devices(const Stock& stock, Policy& policy, unsigned most_moves, const TermsOf& terms_of = {});

/// As it is once these have moved, one after the other.
Supply moved(Supply supply, std::span<const Move> moves);

}  // namespace tessera::fleet::decision
