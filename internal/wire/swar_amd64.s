#include "textflag.h"

// func plainPrefix(p *byte, n int) int
//
// Sixteen bytes at a time, with SSE2, which every amd64 processor has: a byte is plain if it
// is above 0x1f as a signed number, which excludes all beyond ASCII, and is none of the
// quotation mark, the backslash, and 0x7f.
TEXT ·plainPrefix(SB), NOSPLIT, $0-24
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX
	XORQ AX, AX
	MOVQ $0x1f1f1f1f1f1f1f1f, DX
	MOVQ DX, X1
	PUNPCKLQDQ X1, X1
	MOVQ $0x2222222222222222, DX
	MOVQ DX, X2
	PUNPCKLQDQ X2, X2
	MOVQ $0x5c5c5c5c5c5c5c5c, DX
	MOVQ DX, X3
	PUNPCKLQDQ X3, X3
	MOVQ $0x7f7f7f7f7f7f7f7f, DX
	MOVQ DX, X4
	PUNPCKLQDQ X4, X4

next:
	LEAQ 16(AX), BX
	CMPQ BX, CX
	JGT  done
	MOVOU (SI)(AX*1), X0
	MOVOA X0, X5
	MOVOA X0, X6
	MOVOA X0, X7
	PCMPEQB X2, X5
	PCMPEQB X3, X6
	PCMPEQB X4, X7
	POR  X6, X5
	POR  X7, X5
	PCMPGTB X1, X0
	PMOVMSKB X0, R8
	PMOVMSKB X5, R9
	XORL $0xffff, R8
	ORL  R9, R8
	JNZ  found
	MOVQ BX, AX
	JMP  next

found:
	BSFL R8, R8
	ADDQ R8, AX

done:
	MOVQ AX, ret+16(FP)
	RET
