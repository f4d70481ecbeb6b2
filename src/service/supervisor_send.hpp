/// A message that is sent for a program: one snapshot of it, judged, and sent as it was judged.
#pragma once

#include "service/supervisor_desk.hpp"
#include "service/supervisor_request.hpp"

#include <scm/core/control_buffer.hpp>
#include <scm/core/control_view.hpp>
#include <scm/core/descriptor_list.hpp>
#include <scm/foreign/message.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace scm::inline v0_1::detail {

class sending {
 public:
  explicit sending(foreign_message&& message) noexcept : message_{std::move(message)} {}

  /// As much as goes now. `flags` are the call's.
  [[nodiscard]] entry_outcome attempt(supervised_kernel& kernel, supervised_desk& desk, supervised_socket& socket,
                                      std::uint32_t flags) noexcept;

  /// Descriptors that are held until they are sent.
  [[nodiscard]] std::size_t holds() const noexcept { return descriptors_.size() + 1; }
  /// Bytes of a stream that are sent already.
  [[nodiscard]] std::size_t begun() const noexcept { return sent_; }
  [[nodiscard]] bool limited() const noexcept { return patience_.limited(); }
  /// Where msg_len goes after a message of a batch.
  [[nodiscard]] const foreign_message& message() const noexcept { return message_; }

 private:
  // The payload, or a piece of it, and how many bytes follow that the program's memory does not have.
  struct piece {
    std::span<const std::byte> bytes{};
    std::size_t missing = 0;
  };

  [[nodiscard]] std::optional<entry_outcome> prepare(supervised_kernel& kernel, supervised_desk& desk,
                                                     supervised_socket& socket, std::uint32_t flags,
                                                     const payload_room& room, piece& payload) noexcept;
  [[nodiscard]] int take_control(supervised_kernel& kernel, supervised_socket& socket) noexcept;
  [[nodiscard]] int take_rights(supervised_kernel& kernel, const control_message& rights, bool of_unix) noexcept;
  [[nodiscard]] int take_name(supervised_kernel& kernel, supervised_socket& socket) noexcept;
  [[nodiscard]] int read_piece(supervised_kernel& kernel, const payload_room& room, piece& payload) noexcept;
  [[nodiscard]] int judge(supervised_kernel& kernel, supervised_desk& desk, const supervised_socket& socket,
                          std::uint32_t flags, std::span<const std::byte> payload) noexcept;
  [[nodiscard]] int without_rights() noexcept;
  [[nodiscard]] send_outcome give(supervised_kernel& kernel, supervised_socket& socket, std::uint32_t flags,
                                  const piece& payload) noexcept;
  [[nodiscard]] entry_outcome not_sent(supervised_kernel& kernel, supervised_socket& socket, std::uint32_t flags,
                                       const send_outcome& why, const piece& payload) noexcept;

  foreign_message message_;
  bool prepared_ = false;
  bool by_name_ = false;  // to a socket by its name, for whose room there is no event
  std::size_t sent_ = 0;
  patience_of_call patience_;
  std::chrono::milliseconds pause_{};  // the last back-off
  control_buffer control_;
  std::optional<credentials> as_;
  descriptor_list descriptors_;
  found_name name_;
  std::vector<std::byte> kept_;  // the first piece, once it had to wait
  std::size_t kept_missing_ = 0;
  bool keeps_ = false;
};

}  // namespace scm::inline v0_1::detail
