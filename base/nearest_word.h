// "Did you mean …?" for misspelt words in a configuration.
//
// Thread safety: a free function without state.

#ifndef AGENT_EXPORTER_BASE_NEAREST_WORD_H_
#define AGENT_EXPORTER_BASE_NEAREST_WORD_H_

#include <string_view>
#include <vector>

namespace agent_exporter::base {

// The word of `known` that the fewest edits (insert, delete, replace one byte) make of `word`, or "" where
// even the nearest takes more than a third of its letters, at least two: a far-fetched hint is worse than
// none.
std::string_view NearestWord(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace agent_exporter::base

#endif  // AGENT_EXPORTER_BASE_NEAREST_WORD_H_
