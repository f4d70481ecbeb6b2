; control_view::next() on a 64-bit machine, for every size up to limits::control_bytes (INT_MAX).
;
; One step: the walk stands at `offset` of `size` bytes, `left` are left, the header claims `length`, and the checks of
; next() have passed. Each lemma is asked for by its opposite: unsat means that no counterexample exists.
(set-logic QF_BV)
(define-fun header () (_ BitVec 64) #x0000000000000010)
(define-fun mask () (_ BitVec 64) #x0000000000000007)
(define-fun int_max () (_ BitVec 64) #x000000007fffffff)

(declare-const size (_ BitVec 64))
(declare-const offset (_ BitVec 64))
(declare-const length (_ BitVec 64))

(define-fun left () (_ BitVec 64) (bvsub size offset))
; What cmsg_align computes when it does not overflow.
(define-fun rounded () (_ BitVec 64) (bvand (bvadd length mask) (bvnot mask)))
(define-fun step () (_ BitVec 64) (ite (bvult rounded left) rounded left))
(define-fun next () (_ BitVec 64) (bvadd offset step))

; What next() knows when it hands a message out.
(define-fun checked () Bool
  (and (bvule offset size) (bvuge left header) (bvuge length header) (bvule length left)))
(define-fun capped () Bool (bvule size int_max))

; The header and the payload are inside.
; expect: unsat
(push)
(assert (and checked capped))
(assert (or (bvugt (bvadd offset header) size) (bvugt (bvadd offset length) size) (bvult (bvadd offset length) offset)))
(check-sat)
(pop)

; Rounding does not wrap.
; expect: unsat
(push)
(assert (and checked capped))
(assert (bvult rounded length))
(check-sat)
(pop)

; The walk goes forward by a whole header at least, and not past the end.
; expect: unsat
(push)
(assert (and checked capped))
(assert (or (bvult next (bvadd offset header)) (bvugt next size)))
(check-sat)
(pop)

; A header that is aligned is followed by one that is aligned, unless what is left is too little for one.
; expect: unsat
(push)
(assert (and checked capped))
(assert (= (bvand offset mask) #x0000000000000000))
(assert (not (= (bvand next mask) #x0000000000000000)))
(assert (bvuge (bvsub size next) header))
(check-sat)
(pop)

; And the assumption is needed: without the cap on the size rounding wraps, and a walk that trusts it stands still.
; expect: sat
(push)
(assert checked)
(assert (= next offset))
(check-sat)
(pop)
