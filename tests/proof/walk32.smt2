; control_view::next() on a 32-bit machine, for every size up to limits::control_bytes (INT_MAX), in both layouts: see
; walk64.smt2 for how to read it. `length` is what the header claims; an LP64 header claims 64 bits of it.
(set-logic QF_BV)
(define-fun int_max () (_ BitVec 32) #x7fffffff)

(declare-const size (_ BitVec 32))
(declare-const offset (_ BitVec 32))
(declare-const length (_ BitVec 64))
(declare-const lp64 Bool)

(define-fun header () (_ BitVec 32) (ite lp64 #x00000010 #x0000000c))
(define-fun mask () (_ BitVec 32) (ite lp64 #x00000007 #x00000003))
(define-fun left () (_ BitVec 32) (bvsub size offset))
(define-fun wide ((x (_ BitVec 32))) (_ BitVec 64) ((_ zero_extend 32) x))
(define-fun narrow () (_ BitVec 32) ((_ extract 31 0) length))
(define-fun rounded () (_ BitVec 32) (bvand (bvadd narrow mask) (bvnot mask)))
(define-fun step () (_ BitVec 32) (ite (bvult rounded left) rounded left))
(define-fun next () (_ BitVec 32) (bvadd offset step))

(define-fun checked () Bool
  (and (bvule offset size) (bvuge left header) (bvuge length (wide header)) (bvule length (wide left))
       (=> (not lp64) (= ((_ extract 63 32) length) #x00000000))))
(define-fun capped () Bool (bvule size int_max))

; The length that was compared in 64 bits is the length that is used in 32.
; expect: unsat
(push)
(assert (and checked capped))
(assert (not (= (wide narrow) length)))
(check-sat)
(pop)

; The header and the payload are inside.
; expect: unsat
(push)
(assert (and checked capped))
(assert (or (bvugt (bvadd offset header) size) (bvugt (bvadd offset narrow) size) (bvult (bvadd offset narrow) offset)))
(check-sat)
(pop)

; Rounding does not wrap.
; expect: unsat
(push)
(assert (and checked capped))
(assert (bvult rounded narrow))
(check-sat)
(pop)

; The walk goes forward by a whole header at least, and not past the end.
; expect: unsat
(push)
(assert (and checked capped))
(assert (or (bvult next (bvadd offset header)) (bvugt next size)))
(check-sat)
(pop)

; And the assumption is needed.
; expect: sat
(push)
(assert checked)
(assert (= next offset))
(check-sat)
(pop)
