// Finds the word for "did you mean …?" when a configuration has a typo.
//
// Thread safety: a free function without state.

#ifndef AGENT_EXPORTER_BASE_NEAREST_WORD_H_
#define AGENT_EXPORTER_BASE_NEAREST_WORD_H_

#include <string_view>
#include <vector>

namespace agent_exporter::base {

// The word in `known` with the smallest edit distance to `word`. Returns "" if that distance is more than a
// third of the known word's length (but at least 2): a far-fetched hint is worse than none.
std::string_view NearestWord(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_NEAREST_WORD_H_
