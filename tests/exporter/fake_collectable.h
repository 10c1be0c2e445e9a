// Anybody's collectable, made of a function.

#ifndef AGENT_EXPORTER_TESTS_EXPORTER_FAKE_COLLECTABLE_H_
#define AGENT_EXPORTER_TESTS_EXPORTER_FAKE_COLLECTABLE_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "collectors/family.h"
#include "prometheus/collectable.h"

namespace agent_exporter {

inline std::shared_ptr<prometheus::Collectable> FakeCollectable(std::function<Families()> collect) {
  class Collectable : public prometheus::Collectable {
   public:
    explicit Collectable(std::function<Families()> collect_function)
        : collect_(std::move(collect_function)) {}
    Families Collect() const override { return collect_(); }

   private:
    std::function<Families()> collect_;
  };
  return std::make_shared<Collectable>(std::move(collect));
}

// One gauge of value 1.
inline Families OneGauge(std::string name) {
  Family family = Family::Gauge(std::move(name), "A gauge.");
  family.Add({}, 1.0);
  return Collected(family);
}

}  // namespace agent_exporter

#endif  // AGENT_EXPORTER_TESTS_EXPORTER_FAKE_COLLECTABLE_H_
