/// A message that is received for a program: out of its socket, past the judge, into its memory and its table.
#pragma once

#include "service/supervisor_desk.hpp"
#include "service/supervisor_request.hpp"

#include <scm/foreign/control.hpp>
#include <scm/foreign/message.hpp>

#include <boost/container/small_vector.hpp>

#include <cstdint>
#include <span>
#include <utility>

namespace scm::inline v0_1::detail {

class receiving {
 public:
  receiving(foreign_message&& message, std::uint64_t address, bool batch) noexcept
      : message_{std::move(message)}, address_{address}, batch_{batch} {}

  /// One attempt, or as many as a stream's target takes. `flags` are the call's, as they are for this message.
  [[nodiscard]] entry_outcome attempt(supervised_kernel& kernel, supervised_desk& desk, supervised_socket& socket,
                                      std::uint32_t flags) noexcept;

  /// Ends a stream's receive that has bytes but not all that it wanted: as the kernel does for a signal.
  [[nodiscard]] entry_outcome cut_short(supervised_kernel& kernel, supervised_desk& desk) noexcept;
  /// Bytes of a stream that the program has already.
  [[nodiscard]] std::size_t begun() const noexcept { return done_; }
  [[nodiscard]] bool limited() const noexcept { return patience_.limited(); }

 private:
  // What one recvmsg(2) gave, in the desk's room.
  struct piece {
    std::size_t returned = 0;
    std::uint32_t flags = 0;
    std::span<const std::byte> payload{};
    std::span<const std::byte> control{};
    std::span<const std::byte> name{};
  };

  [[nodiscard]] int prove_writable(foreign_memory& memory, bool payload, std::size_t size) noexcept;
  [[nodiscard]] int prove_each(foreign_memory& memory, bool payload, std::size_t size) noexcept;
  [[nodiscard]] bool write_header_as_it_is(foreign_memory& memory) const noexcept;
  [[nodiscard]] entry_outcome nothing_there(supervised_kernel& kernel, supervised_desk& desk, supervised_socket& socket,
                                            std::uint32_t flags) noexcept;
  [[nodiscard]] bool goes_on(supervised_kernel& kernel, supervised_desk& desk, supervised_socket& socket,
                             std::uint32_t flags, const piece& got) noexcept;
  [[nodiscard]] bool another_sender_follows(supervised_kernel& kernel, supervised_desk& desk,
                                            const supervised_socket& socket) noexcept;
  [[nodiscard]] bool keep(supervised_desk& desk, const piece& first) noexcept;
  [[nodiscard]] int write_payload(supervised_kernel& kernel, std::span<const std::byte> payload) noexcept;
  [[nodiscard]] entry_outcome hand_over(supervised_kernel& kernel, supervised_desk& desk, std::uint32_t flags,
                                        const message_verdict& verdict, control_placer& placer,
                                        const piece& last) noexcept;
  [[nodiscard]] std::span<const std::byte> first_control(const piece& last) const noexcept;
  [[nodiscard]] bool put_others(supervised_kernel& kernel, control_placer& placer, std::span<const std::byte> control,
                                bool queued_bytes) const noexcept;
  [[nodiscard]] std::size_t fitting(const control_placer& placer, std::size_t descriptors) const noexcept;
  [[nodiscard]] std::size_t fitting(supervised_kernel& kernel, const supervised_desk& desk,
                                    const piece& last) const noexcept;
  [[nodiscard]] bool writable_after(const control_placer& placer, std::size_t payload) const noexcept;
  [[nodiscard]] int install(supervised_kernel& kernel, supervised_desk& desk, bool close_on_exec,
                            const message_verdict& verdict, control_placer& placer, const piece& last,
                            bool& cut) noexcept;

  foreign_message message_;
  std::uint64_t address_;  // of the header
  bool batch_;
  std::uint64_t control_room_ = 0;
  std::uint64_t control_writable_ = 0;  // what of it can be written
  std::size_t writable_ = 0;            // bytes of a stream's payload, from `done_` on, that can be
  std::size_t done_ = 0;
  patience_of_call patience_;
  // Of the first piece of a stream that is to have more: all that its control data said but for descriptors.
  boost::container::small_vector<std::byte, 64> first_control_;
  boost::container::small_vector<std::byte, 16> first_name_;
  descriptor_list first_pidfds_;
  std::uint32_t flags_ = 0;
};

}  // namespace scm::inline v0_1::detail
