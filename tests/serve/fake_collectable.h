// A collectable made from a function.

#ifndef AGENT_EXPORTER_TESTS_SERVE_FAKE_COLLECTABLE_H_
#define AGENT_EXPORTER_TESTS_SERVE_FAKE_COLLECTABLE_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "collectors/family.h"
#include "prometheus/collectable.h"

namespace agent_exporter::serve {

inline std::shared_ptr<prometheus::Collectable> FakeCollectable(
    std::function<collectors::Families()> collect) {
  class Collectable : public prometheus::Collectable {
   public:
    explicit Collectable(std::function<collectors::Families()> collect_function)
        : collect_(std::move(collect_function)) {}
    collectors::Families Collect() const override { return collect_(); }

   private:
    std::function<collectors::Families()> collect_;
  };
  return std::make_shared<Collectable>(std::move(collect));
}

// One gauge of value 1.
inline collectors::Families OneGauge(std::string name) {
  collectors::Family family = collectors::Family::Gauge(std::move(name), "A gauge.");
  family.Add({}, 1.0);
  return collectors::Collected(family);
}

}  // namespace agent_exporter::serve

#endif  // AGENT_EXPORTER_TESTS_SERVE_FAKE_COLLECTABLE_H_
