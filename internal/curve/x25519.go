package curve

import (
	"errors"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
)

// X25519 (RFC 7748). crypto/ecdh, which x/crypto/curve25519 calls, computes the public key of every
// secret one that it is given: two multiplications for each shared key, of which peers that are not
// known make a server compute many. It also keeps copies of the secret keys, which cannot be wiped.
//
// The time does not depend on the values, as far as those of the field's operations do not: no branch and
// no index does.

// errLowOrder is the error for public keys with which every secret key gives the same shared key.
var errLowOrder = errors.New("a public key of low order")

// multiply computes the point that a secret and a public key share. It is the Montgomery ladder of RFC
// 7748, section 5, whose names the variables have.
func multiply(s *Secret, p *Public) (shared [KeySize]byte, err error) {
	k := clamped(s)
	defer clear(k[:])
	var x1, x2, z2, x3, z3, a, aa, b, bb, c, d, e field.Element
	if _, err := x1.SetBytes(p[:]); err != nil {
		return shared, err
	}
	x2.One()
	x3.Set(&x1)
	z3.One()
	swap := 0
	for t := 254; t >= 0; t-- {
		bit := int(k[t/8]>>(t%8)) & 1
		swap ^= bit
		x2.Swap(&x3, swap)
		z2.Swap(&z3, swap)
		swap = bit

		a.Add(&x2, &z2)
		b.Subtract(&x2, &z2)
		c.Add(&x3, &z3)
		d.Subtract(&x3, &z3)
		aa.Square(&a)
		bb.Square(&b)
		e.Subtract(&aa, &bb)
		d.Multiply(&d, &a)
		c.Multiply(&c, &b)
		x3.Square(x3.Add(&d, &c))
		z3.Multiply(&x1, z3.Square(z3.Subtract(&d, &c)))
		x2.Multiply(&aa, &bb)
		z2.Multiply(&e, z2.Add(&aa, z2.Mult32(&e, 121665)))
	}
	x2.Swap(&x3, swap)
	z2.Swap(&z3, swap)
	x2.Multiply(&x2, z2.Invert(&z2))
	copy(shared[:], x2.Bytes())
	for _, left := range []*field.Element{&x3, &z2, &z3, &a, &aa, &b, &bb, &c, &d, &e} {
		left.Zero()
	}
	if x2.Equal(new(field.Element)) == 1 {
		return shared, errLowOrder
	}
	x2.Zero()
	return shared, nil
}

// public computes the public key of a secret one.
func (s *Secret) public() (p Public, err error) {
	scalar, err := edwards25519.NewScalar().SetBytesWithClamping(s.b[:])
	if err != nil {
		return p, err
	}
	defer scalar.Set(edwards25519.NewScalar())
	return Public(new(edwards25519.Point).ScalarBaseMult(scalar).BytesMontgomery()), nil
}

// clamped is a secret key as the scalar that it stands for.
func clamped(s *Secret) (k [KeySize]byte) {
	k = s.b
	k[0] &= 248
	k[31] = k[31]&127 | 64
	return k
}
