#include "textflag.h"

// func matchTemplate(t *template, data *byte, n int) bool
//
// Sixteen bytes at a time, with SSE2, which every amd64 processor has, the last sixteen
// once more if need be. The fields of a template lie 128 bytes apart. X0 gathers differences.
TEXT ·matchTemplate(SB), NOSPLIT, $0-25
	MOVQ t+0(FP), DI
	MOVQ data+8(FP), SI
	MOVQ n+16(FP), CX
	SUBQ $16, CX // where the last sixteen begin
	XORQ AX, AX
	PXOR X0, X0
	MOVQ $0x0909090909090909, DX
	MOVQ DX, X1
	PUNPCKLQDQ X1, X1

next:
	MOVOU (SI)(AX*1), X2
	MOVOU (DI)(AX*1), X3
	MOVOU 128(DI)(AX*1), X4
	MOVOU 256(DI)(AX*1), X5
	MOVOA X4, X6
	PAND  X2, X4    // the bits that may differ
	PANDN X2, X6    // and all others
	PXOR  X3, X6
	POR   X6, X0
	PCMPGTB X4, X5  // below the least value
	POR   X5, X0
	PCMPGTB X1, X4  // not a digit
	POR   X4, X0
	CMPQ AX, CX
	JGE  done
	ADDQ $16, AX
	CMPQ AX, CX
	CMOVQGT CX, AX
	JMP  next

done:
	PXOR X1, X1
	PCMPEQB X1, X0
	PMOVMSKB X0, AX
	CMPL AX, $0xffff
	SETEQ ret+24(FP)
	RET
