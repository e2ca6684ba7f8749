package main

import (
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// page is the part of a list that begins at a token, and the token of what follows, if anything.
func page[Item any](all []Item, token string, most int32) ([]Item, string, error) {
	first := 0
	if token != "" {
		number, err := strconv.Atoi(token)
		if err != nil || number < 0 || number > len(all) {
			return nil, "", status.Errorf(codes.Aborted, "%q is no token of this list", token)
		}
		first = number
	}
	rest := all[first:]
	if most <= 0 || int(most) >= len(rest) {
		return rest, "", nil
	}
	return rest[:most], strconv.Itoa(first + int(most)), nil
}
