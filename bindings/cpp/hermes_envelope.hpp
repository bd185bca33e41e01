// SPDX-License-Identifier: MIT
//
// Part of hermes.hpp: received envelopes. EnvelopeView reads one, Envelope owns one, and Batch
// owns several. Include <hermes.hpp>, not this.
//
// Envelopes and batches are immutable once received, so any thread may read them, without
// locks. Views refer to the memory of their owner, which frees it in its destructor; no other
// thread may use an owner while it is moved from or destroyed.
#ifndef HERMES_ENVELOPE_HPP
#define HERMES_ENVELOPE_HPP

#include <hermes_error.hpp>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string_view>
#include <utility>

namespace hermes {

/// A non-owning view of an envelope; valid as long as the Envelope or Batch that owns it.
class EnvelopeView {
  public:
    EnvelopeView() = default;
    explicit EnvelopeView(const hermes_envelope *envelope) noexcept : raw_(envelope) {}

    std::string_view topic() const noexcept {
        return text(hermes_envelope_topic);
    }
    std::string_view origin() const noexcept {
        return text(hermes_envelope_origin);
    }
    /// One JSON value. A NUL follows it, so data().data() is a C string.
    std::string_view data() const noexcept {
        return text(hermes_envelope_data);
    }
    /// When the sender passed it to its socket, by the sender's clock.
    time_point ts() const noexcept {
        return time_point(std::chrono::duration<double>(hermes_envelope_ts(raw_)));
    }
    /// When it arrived, by this machine's clock.
    time_point received() const noexcept {
        return time_point(std::chrono::duration<double>(hermes_envelope_received(raw_)));
    }
    /// How many envelopes of the same topic and sender were lost right before this one.
    std::uint64_t lost() const noexcept {
        return hermes_envelope_lost(raw_);
    }

    /// The trace context that it was published with, in the form of W3C; as a rule empty.
    std::string_view traceparent() const noexcept {
        const char *text = hermes_envelope_traceparent(raw_);
        return text != nullptr ? std::string_view(text) : std::string_view();
    }

    /// False for an empty view.
    explicit operator bool() const noexcept {
        return raw_ != nullptr;
    }
    const hermes_envelope *get() const noexcept {
        return raw_;
    }

  protected:
    const hermes_envelope *raw_ = nullptr;

  private:
    std::string_view text(const char *(*field)(const hermes_envelope *, std::size_t *)) const {
        std::size_t length = 0;
        const char *start = field(raw_, &length);
        return {start, length};
    }
};

/// One received envelope. try_recv() returns an empty one, which tests false, on a timeout.
class Envelope : public EnvelopeView {
  public:
    Envelope() = default;
    /// Takes ownership of an envelope from hermes_recv().
    explicit Envelope(hermes_envelope *envelope) noexcept : EnvelopeView(envelope) {}
    Envelope(Envelope &&other) noexcept : EnvelopeView(other) {
        other.raw_ = nullptr;
    }
    Envelope &operator=(Envelope &&other) noexcept {
        Envelope taken(std::move(other));
        std::swap(raw_, taken.raw_);
        return *this;
    }
    Envelope(const Envelope &) = delete;
    Envelope &operator=(const Envelope &) = delete;
    ~Envelope() {
        if (raw_ != nullptr) hermes_envelope_free(const_cast<hermes_envelope *>(raw_));
    }
};

/// Several received envelopes, in order: a sized random access range of EnvelopeView.
/// Its iterators and views are valid as long as the batch.
class Batch {
  public:
    class iterator {
      public:
        using iterator_concept = std::random_access_iterator_tag;
        using iterator_category = std::input_iterator_tag; // it returns values, not references
        using value_type = EnvelopeView;
        using difference_type = std::ptrdiff_t;
        using reference = EnvelopeView;
        using pointer = void;

        iterator() = default;
        iterator(const hermes_batch *batch, difference_type index) noexcept
            : batch_(batch), index_(index) {}

        EnvelopeView operator*() const noexcept {
            return (*this)[0];
        }
        EnvelopeView operator[](difference_type n) const noexcept {
            return EnvelopeView(hermes_batch_at(batch_, static_cast<std::size_t>(index_ + n)));
        }
        iterator &operator++() noexcept {
            return *this += 1;
        }
        iterator operator++(int) noexcept {
            iterator before = *this;
            ++*this;
            return before;
        }
        iterator &operator--() noexcept {
            return *this -= 1;
        }
        iterator operator--(int) noexcept {
            iterator before = *this;
            --*this;
            return before;
        }
        iterator &operator+=(difference_type n) noexcept {
            index_ += n;
            return *this;
        }
        iterator &operator-=(difference_type n) noexcept {
            index_ -= n;
            return *this;
        }
        friend iterator operator+(iterator i, difference_type n) noexcept {
            return i += n;
        }
        friend iterator operator+(difference_type n, iterator i) noexcept {
            return i += n;
        }
        friend iterator operator-(iterator i, difference_type n) noexcept {
            return i -= n;
        }
        friend difference_type operator-(const iterator &a, const iterator &b) noexcept {
            return a.index_ - b.index_;
        }
        friend bool operator==(const iterator &a, const iterator &b) noexcept {
            return a.index_ == b.index_;
        }
        friend bool operator!=(const iterator &a, const iterator &b) noexcept {
            return a.index_ != b.index_;
        }
        friend bool operator<(const iterator &a, const iterator &b) noexcept {
            return a.index_ < b.index_;
        }
        friend bool operator>(const iterator &a, const iterator &b) noexcept {
            return a.index_ > b.index_;
        }
        friend bool operator<=(const iterator &a, const iterator &b) noexcept {
            return a.index_ <= b.index_;
        }
        friend bool operator>=(const iterator &a, const iterator &b) noexcept {
            return a.index_ >= b.index_;
        }

      private:
        const hermes_batch *batch_ = nullptr;
        difference_type index_ = 0;
    };
    using const_iterator = iterator;
    using value_type = EnvelopeView;

    Batch() = default;
    /// Takes ownership of a batch from hermes_recv_batch().
    explicit Batch(hermes_batch *batch) noexcept : raw_(batch) {}

    std::size_t size() const noexcept {
        return hermes_batch_size(raw_.get());
    }
    bool empty() const noexcept {
        return size() == 0;
    }
    /// The envelope at @p index; an empty view beyond the end.
    EnvelopeView operator[](std::size_t index) const noexcept {
        return EnvelopeView(hermes_batch_at(raw_.get(), index));
    }
    iterator begin() const noexcept {
        return {raw_.get(), 0};
    }
    iterator end() const noexcept {
        return {raw_.get(), static_cast<std::ptrdiff_t>(size())};
    }

  private:
    struct free_batch {
        void operator()(hermes_batch *batch) const noexcept {
            hermes_batch_free(batch);
        }
    };
    std::unique_ptr<hermes_batch, free_batch> raw_;
};

} // namespace hermes

#endif // HERMES_ENVELOPE_HPP
