#include "base/nearest_word.h"

#include <algorithm>
#include <numeric>

namespace agent_exporter::base {
namespace {

// Levenshtein distance, one row of the table at a time.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replace = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replace, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string_view NearestWord(std::string_view word, const std::vector<std::string_view>& known) {
  std::string_view nearest;
  size_t best = std::string_view::npos;
  if (word.size() > 64) return nearest;  // not a typo; bounds the cost
  for (const std::string_view candidate : known) {
    const size_t distance = EditDistance(word, candidate);
    if (distance < best && distance <= std::max<size_t>(2, candidate.size() / 3)) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace agent_exporter::base
