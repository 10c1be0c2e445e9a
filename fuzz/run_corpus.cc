// Runs every fuzz target once on each file of its corpus, so that old findings are tested again with every
// compiler and sanitizer. A failure aborts.
//
//   fuzz_corpora FOLDER      with a folder of seeds for each target

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz/targets.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  for (const auto& target : agent_exporter::fuzz::Targets()) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry :
         std::filesystem::directory_iterator(std::filesystem::path(argv[1]) / target.name))
      files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const std::filesystem::path& file : files) {
      // Before the run: after a crash the last line names the file.
      std::cout << target.name << "/" << file.filename().string() << std::endl;
      std::ifstream in(file, std::ios::binary);
      target.run(std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>()));
    }
    if (files.empty()) return 1;
  }
  return 0;
}
