#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace drover::cli {

/// `drover --help` on one screen of 24 lines of 80 columns; the help of a command is CLI11's own.
class Help : public CLI::Formatter {
public:
    std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
};

}  // namespace drover::cli
