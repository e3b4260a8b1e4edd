#include "runtime/metrics.h"

#include "model/check.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace jobflow::runtime {
namespace {

bool is_name(std::string_view text) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
  };
  return !text.empty() && letter(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

bool is_label_set(std::string_view text) {
  return text.empty() || (text.size() > 2 && text.front() == '{' && text.back() == '}');
}

std::string number(std::uint64_t value) {
  return std::to_string(value);
}

std::string number(double value) {
  if (std::isnan(value)) {
    return "NaN";
  }
  if (std::isinf(value)) {
    return value > 0 ? "+Inf" : "-Inf";
  }
  char buffer[32];
  const auto [end, error] =
      std::to_chars(std::begin(buffer), std::end(buffer), value, std::chars_format::general);
  return {buffer, end};
}

void head(std::string& out, std::string_view name, std::string_view help, std::string_view type) {
  out.append("# HELP ").append(name).push_back(' ');
  for (const char c : help) {
    if (c == '\\') {
      out.append("\\\\");
    } else if (c == '\n') {
      out.append("\\n");
    } else {
      out.push_back(c);
    }
  }
  out.append("\n# TYPE ").append(name).append(" ").append(type).push_back('\n');
}

void line(std::string& out,
          std::string_view name,
          std::string_view labels,
          std::string_view value) {
  out.append(name).append(labels).append(" ").append(value).push_back('\n');
}

// `labels` with le="bound" added.
std::string with_bound(std::string_view labels, std::string_view bound) {
  std::string out = labels.empty() ? "{" : std::string(labels.substr(0, labels.size() - 1)) + ",";
  return out.append("le=\"").append(bound).append("\"}");
}

const std::vector<double>& seconds_bounds() {
  static const std::vector<double> bounds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                             0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                             1.0,    2.5,     5.0,    10.0};
  return bounds;
}

}  // namespace

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {
  check(std::is_sorted(bounds_.begin(), bounds_.end()), "histogram bounds must grow");
}

void Histogram::observe(double value) {
  // A bucket counts what is less than or equal to its bound.
  const auto at = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  counts_[static_cast<std::size_t>(at)].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

Counter& Metrics::counter(std::string_view name, std::string_view help, std::string_view labels) {
  check(is_name(name) && is_label_set(labels), "not a metric's name or labels");
  const std::lock_guard lock(mutex_);
  check(!gauge_families_.contains(name) && !histogram_families_.contains(name),
        "a metric of another kind has this name");
  auto& family = counter_families_.try_emplace(std::string(name), std::string(help)).first->second;
  auto& slot = family.by_labels.try_emplace(std::string(labels)).first->second;
  return slot != nullptr ? *slot : *(slot = &counters_.emplace_back());
}

Gauge& Metrics::gauge(std::string_view name, std::string_view help, std::string_view labels) {
  check(is_name(name) && is_label_set(labels), "not a metric's name or labels");
  const std::lock_guard lock(mutex_);
  check(!counter_families_.contains(name) && !histogram_families_.contains(name),
        "a metric of another kind has this name");
  auto& family = gauge_families_.try_emplace(std::string(name), std::string(help)).first->second;
  auto& slot = family.by_labels.try_emplace(std::string(labels)).first->second;
  return slot != nullptr ? *slot : *(slot = &gauges_.emplace_back());
}

Histogram& Metrics::histogram(std::string_view name,
                              std::string_view help,
                              std::string_view labels,
                              std::vector<double> bounds) {
  check(is_name(name) && is_label_set(labels), "not a metric's name or labels");
  const std::lock_guard lock(mutex_);
  check(!counter_families_.contains(name) && !gauge_families_.contains(name),
        "a metric of another kind has this name");
  auto& family =
      histogram_families_.try_emplace(std::string(name), std::string(help)).first->second;
  auto& slot = family.by_labels.try_emplace(std::string(labels)).first->second;
  if (slot == nullptr) {
    slot = &histograms_.emplace_back(bounds.empty() ? seconds_bounds() : bounds);
  }
  return *slot;
}

std::string Metrics::text() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string_view, std::string> by_name;  // the three kinds, in one order
  for (const auto& [name, family] : counter_families_) {
    std::string& out = by_name[name];
    head(out, name, family.help, "counter");
    for (const auto& [labels, counter] : family.by_labels) {
      line(out, name, labels, number(counter->value()));
    }
  }
  for (const auto& [name, family] : gauge_families_) {
    std::string& out = by_name[name];
    head(out, name, family.help, "gauge");
    for (const auto& [labels, gauge] : family.by_labels) {
      line(out, name, labels, number(gauge->value()));
    }
  }
  for (const auto& [name, family] : histogram_families_) {
    std::string& out = by_name[name];
    head(out, name, family.help, "histogram");
    const std::string bucket = name + "_bucket";
    for (const auto& [labels, histogram] : family.by_labels) {
      std::uint64_t count = 0;
      for (std::size_t i = 0; i < histogram->counts_.size(); ++i) {
        count += histogram->counts_[i].load(std::memory_order_relaxed);
        const bool last = i == histogram->bounds_.size();
        const std::string bound = last ? "+Inf" : number(histogram->bounds_[i]);
        line(out, bucket, with_bound(labels, bound), number(count));
      }
      const double sum = histogram->sum_.load(std::memory_order_relaxed);
      line(out, name + "_sum", labels, number(sum));
      line(out, name + "_count", labels, number(count));
    }
  }
  std::string out;
  for (const auto& [name, lines] : by_name) {
    out.append(lines);
  }
  return out;
}

}  // namespace jobflow::runtime
