package sighting

import "testing"

func TestWhatComesAgainIsTold(t *testing.T) {
	var marks Marks
	for hash := uint64(1); hash <= 100; hash++ {
		if marks.Again(hash, 1<<12) {
			t.Fatalf("%d came before", hash)
		}
		if !marks.Again(hash, 1<<12) {
			t.Fatalf("%d did not come before", hash)
		}
	}
}

func TestWhatCameLongAgoIsForgotten(t *testing.T) {
	var marks Marks
	known := 0
	for hash := uint64(1); hash <= 1000; hash++ {
		marks.Again(hash, 16)
	}
	for hash := uint64(1); hash <= 1000; hash++ {
		if marks.Again(hash, 16) {
			known++
		}
	}
	if len(marks) != 16 || known > 16 {
		t.Errorf("%d of 1000 are known by %d marks", known, len(marks))
	}
}
