// help_pages DIRECTORY: writes the man page and the shell completions there. For the build; not installed.

#include <fstream>
#include <iostream>
#include <string>

#include "exporter/help_pages.h"

int main(int argc, char** argv) {
  namespace program = agent_exporter::exporter;
  if (argc != 2) {
    std::cerr << "usage: help_pages DIRECTORY\n";
    return 2;
  }
  const std::string directory = std::string(argv[1]) + "/";
  const program::ProgramHelp help = program::ReadProgramHelp();
  bool written = true;
  const auto write = [&](const char* name, const std::string& text) {
    std::ofstream file(directory + name);
    file << text << std::flush;
    written = written && file.good();
  };
  write("agent_exporter.1", program::ManPage(help));
  write("agent_exporter.bash", program::BashCompletion(help));
  write("_agent_exporter", program::ZshCompletion(help));
  write("agent_exporter.fish", program::FishCompletion(help));
  if (!written) std::cerr << "help_pages: cannot write to " << directory << "\n";
  return written ? 0 : 1;
}
