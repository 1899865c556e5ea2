"""What the field technician uses: enrolment, doctor, acceptance."""
