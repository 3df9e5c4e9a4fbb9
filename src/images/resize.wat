;; resize.wat: the two passes of resize.ts over RGB bytes, four lanes at a time. Fixed point: weights carry 22 fractional bits,
;; sums begin at one half, results are shifted back and clipped to 0…255 by saturating narrowing. It does not decide which
;; pixels or weights are used: starts, lengths and weights come as tables of int32 in memory.
(module
  (memory (export "memory") 1)

  ;; Horizontal. One lane a channel (the fourth is the next pixel's red, computed and not kept).
  ;; $source: first byte of the first row; $stride: bytes a row; $rows, $count: results down and across;
  ;; $starts, $lengths: int32[count], in pixels; $weights: int32[count][taps]; $target: 3 bytes a result.
  (func (export "across")
    (param $source i32) (param $stride i32) (param $rows i32) (param $count i32)
    (param $starts i32) (param $lengths i32) (param $weights i32) (param $taps i32) (param $target i32)
    (local $row i32) (local $x i32) (local $from i32) (local $weight i32) (local $end i32) (local $sum v128)
    (block $done (loop $rows_loop
      (br_if $done (i32.ge_s (local.get $row) (local.get $rows)))
      (local.set $x (i32.const 0))
      (block $row_done (loop $columns
        (br_if $row_done (i32.ge_s (local.get $x) (local.get $count)))
        (local.set $from (i32.add (local.get $source)
          (i32.mul (i32.const 3) (i32.load (i32.add (local.get $starts) (i32.shl (local.get $x) (i32.const 2)))))))
        (local.set $weight (i32.add (local.get $weights)
          (i32.shl (i32.mul (local.get $x) (local.get $taps)) (i32.const 2))))
        (local.set $end (i32.add (local.get $weight) (i32.shl
          (i32.load (i32.add (local.get $lengths) (i32.shl (local.get $x) (i32.const 2)))) (i32.const 2))))
        (local.set $sum (v128.const i32x4 0x200000 0x200000 0x200000 0x200000))
        (loop $window
          (local.set $sum (i32x4.add (local.get $sum) (i32x4.mul
            (i32x4.extend_low_i16x8_u (i16x8.extend_low_i8x16_u (v128.load32_zero (local.get $from))))
            (v128.load32_splat (local.get $weight)))))
          (local.set $from (i32.add (local.get $from) (i32.const 3)))
          (local.set $weight (i32.add (local.get $weight) (i32.const 4)))
          (br_if $window (i32.lt_u (local.get $weight) (local.get $end))))
        (local.set $sum (i32x4.shr_s (local.get $sum) (i32.const 22)))
        (local.set $sum (i16x8.narrow_i32x4_s (local.get $sum) (local.get $sum)))
        ;; Four bytes are written but only three are needed: the next result overwrites the fourth.
        (v128.store32_lane 0 (local.get $target) (i8x16.narrow_i16x8_u (local.get $sum) (local.get $sum)))
        (local.set $target (i32.add (local.get $target) (i32.const 3)))
        (local.set $x (i32.add (local.get $x) (i32.const 1)))
        (br $columns)))
      (local.set $source (i32.add (local.get $source) (local.get $stride)))
      (local.set $row (i32.add (local.get $row) (i32.const 1)))
      (br $rows_loop))))

  ;; Vertical, eight bytes of a row at a time.
  ;; $source: first byte of row 0; $stride: bytes a row; $length: bytes of a result row; $count: result rows;
  ;; $starts, $lengths: int32[count], in rows; $weights: int32[count][taps]; $target: $length bytes a result row.
  (func (export "down")
    (param $source i32) (param $stride i32) (param $length i32) (param $count i32)
    (param $starts i32) (param $lengths i32) (param $weights i32) (param $taps i32) (param $target i32)
    (local $y i32) (local $i i32) (local $line i32) (local $from i32) (local $first i32) (local $weight i32) (local $end i32)
    (local $low v128) (local $high v128) (local $bytes v128) (local $factor v128)
    (block $done (loop $rows_loop
      (br_if $done (i32.ge_s (local.get $y) (local.get $count)))
      (local.set $line (i32.add (local.get $source) (i32.mul (local.get $stride)
        (i32.load (i32.add (local.get $starts) (i32.shl (local.get $y) (i32.const 2)))))))
      (local.set $first (i32.add (local.get $weights)
        (i32.shl (i32.mul (local.get $y) (local.get $taps)) (i32.const 2))))
      (local.set $end (i32.add (local.get $first) (i32.shl
        (i32.load (i32.add (local.get $lengths) (i32.shl (local.get $y) (i32.const 2)))) (i32.const 2))))
      (local.set $i (i32.const 0))
      (block $row_done (loop $bytes_loop
        (br_if $row_done (i32.ge_s (local.get $i) (local.get $length)))
        (local.set $low (v128.const i32x4 0x200000 0x200000 0x200000 0x200000))
        (local.set $high (local.get $low))
        (local.set $from (i32.add (local.get $line) (local.get $i)))
        (local.set $weight (local.get $first))
        (loop $window
          (local.set $factor (v128.load32_splat (local.get $weight)))
          (local.set $bytes (v128.load8x8_u (local.get $from)))
          (local.set $low (i32x4.add (local.get $low) (i32x4.mul
            (i32x4.extend_low_i16x8_u (local.get $bytes)) (local.get $factor))))
          (local.set $high (i32x4.add (local.get $high) (i32x4.mul
            (i32x4.extend_high_i16x8_u (local.get $bytes)) (local.get $factor))))
          (local.set $from (i32.add (local.get $from) (local.get $stride)))
          (local.set $weight (i32.add (local.get $weight) (i32.const 4)))
          (br_if $window (i32.lt_u (local.get $weight) (local.get $end))))
        (local.set $low (i16x8.narrow_i32x4_s
          (i32x4.shr_s (local.get $low) (i32.const 22)) (i32x4.shr_s (local.get $high) (i32.const 22))))
        ;; Up to seven bytes too many at the end of a row: the next row overwrites them.
        (v128.store64_lane 0 (i32.add (local.get $target) (local.get $i))
          (i8x16.narrow_i16x8_u (local.get $low) (local.get $low)))
        (local.set $i (i32.add (local.get $i) (i32.const 8)))
        (br $bytes_loop)))
      (local.set $target (i32.add (local.get $target) (local.get $length)))
      (local.set $y (i32.add (local.get $y) (i32.const 1)))
      (br $rows_loop)))))
