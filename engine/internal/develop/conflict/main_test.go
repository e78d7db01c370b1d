package conflict

import (
	"testing"

	"attest.continuu.ms/engine/internal/trial"
)

func TestMain(m *testing.M) { trial.Main(m) }
