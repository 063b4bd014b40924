#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "drover/options.hpp"

/// The keys of the deployment that this plugin's logic reads, and how their texts are read.
namespace drover::cloud {

std::vector<Option> options();

/// What a setting in force says. An empty text, or one that is none, is the fallback.
bool is_on(std::string_view text, bool otherwise);
std::int64_t to_number(std::string_view text, std::int64_t otherwise);
/// Words with commas between.
std::vector<std::string> to_words(std::string_view text);

}  // namespace drover::cloud
