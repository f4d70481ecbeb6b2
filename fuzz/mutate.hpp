// SCM_FUZZ_MUTATES_CONTROL_DATA(prefix, layout): gives a target libFuzzer's hooks for inputs of `prefix` bytes of its
// own followed by control data. `layout` is an expression over `data`, of which `prefix` bytes are there. Half of the
// time the fuzzer's own mutations are used: they know the dictionary, and the prefix.
#pragma once

#include <scm/fuzz/control_mutator.hpp>

#include <cstring>

#if SCM_LIBFUZZER
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max);
#else
// The replay has changes of its own for the rest.
inline std::size_t LLVMFuzzerMutate(std::uint8_t*, std::size_t size, std::size_t) { return size; }
#endif

#define SCM_FUZZ_MUTATES_CONTROL_DATA(prefix, layout)                                                              \
  extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max,            \
                                                 unsigned seed) {                                                  \
    if (size < (prefix) || (seed & 1) != 0) return LLVMFuzzerMutate(data, size, max);                              \
    scm::fuzz::control_mutator mutator{(layout), seed};                                                            \
    return (prefix) + mutator.mutate({data + (prefix), max - (prefix)}, size - (prefix));                          \
  }                                                                                                                \
  extern "C" std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* data, std::size_t size,                     \
                                                   const std::uint8_t* other, std::size_t other_size,              \
                                                   std::uint8_t* out, std::size_t max, unsigned seed) {            \
    if (size < (prefix) || other_size < (prefix) || max < (prefix)) return 0;                                      \
    std::memcpy(out, data, (prefix));                                                                              \
    scm::fuzz::control_mutator mutator{(layout), seed};                                                            \
    return (prefix) + mutator.cross({data + (prefix), size - (prefix)}, {other + (prefix), other_size - (prefix)}, \
                                    {out + (prefix), max - (prefix)});                                             \
  }
